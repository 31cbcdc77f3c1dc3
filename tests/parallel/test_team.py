"""What the processes of a job tell each other; of several, :mod:`.test_tensor` has real ones."""

from __future__ import annotations

from dataclasses import dataclass

import mlx.core as mx
import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.errors import ConfigError
from shadow_mlx.parallel import team as teams
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.runs.events import StopToken


@dataclass(frozen=True)
class Group:
    """Two processes, of which the other one says nothing."""

    number: int

    def size(self) -> int:
        return 2

    def rank(self) -> int:
        return self.number


@pytest.fixture(autouse=True)
def _silence(monkeypatch):
    monkeypatch.setattr(mx.distributed, "all_sum", lambda x, group: x)


def test_one_process_is_of_one_mind():
    team, values = alone(), mx.array([1, 2])
    assert team.first
    assert not team.splits
    assert team.rows == (0, 1)
    assert team.total(values) is values
    assert team.numbers([1, -2]) == [1, -2]
    assert team.told({"a": [1]}) == {"a": [1]}
    assert team.agreed(True)
    wish = StopToken()
    assert team.stop(wish) is wish


def test_of_a_split_backbone_the_first_one_counts():
    first, other = Team(Group(0), "tensor"), Team(Group(1), "tensor")
    values = {"a": mx.array([1, 2]), "b": mx.array(0.5)}
    for team, share in ((first, 1), (other, 0)):
        assert team.rows == (0, 1)
        assert team.share == share
        counted = team.counting(values)
        assert counted["a"].tolist() == [share, 2 * share]
        assert counted["a"].dtype == values["a"].dtype
        assert counted["b"].item() == 0.5 * share
    said = {"prompt": [1, 2], "mode": "attached", "text": "né", "none": None}
    assert first.told(said) == said
    assert first.numbers([3, -1]) == [3, -1]


def test_rows_are_split_and_everything_counts_in_data_parallelism():
    team, values = Team(Group(1), "data"), mx.array([1.0])
    assert team.rows == (1, 2)
    assert team.share == 1
    assert team.counting(values) is values
    assert team.same(values) is values


def test_a_wish_to_stop_is_asked_of_all_until_it_is_heard(monkeypatch):
    asked = []
    monkeypatch.setattr(mx.distributed, "all_sum", lambda x, group: asked.append(x) or x)
    wish = StopToken()
    stop = Team(Group(0), "tensor").stop(wish)
    assert not stop.stopping
    wish.stop()
    assert stop.stopping
    assert stop.stopping
    assert len(asked) == 2


def test_one_process_cannot_split_anything(capsys):
    with pytest.raises(ConfigError, match=r"mlx\.launch -n 2 shadow-mlx"):
        Team.gathered("tensor")
    assert main(["generate", "--base", "--model", "sprout", "-p", "x", "--parallel", "tensor"]) == 2
    assert teams.ALONE in capsys.readouterr().err
