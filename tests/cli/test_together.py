"""The first process reads, speaks and writes; what several do is in ``tests/parallel``."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from shadow_mlx.cli.together import follow, leading, working_together
from shadow_mlx.errors import InputError, PeersLostError
from shadow_mlx.parallel.team import Team
from shadow_mlx.runs.events import StopToken


class Group:
    """The second of two processes, or the first."""

    def __init__(self, number: int) -> None:
        self.number = number

    def size(self) -> int:
        return 2

    def rank(self) -> int:
        return self.number


class Engine:
    """Notes what is asked of it."""

    def __init__(self) -> None:
        self.dismissed = 0
        self.stops: list[StopToken] = []

    def dismiss(self) -> None:
        self.dismissed += 1

    def follow(self, stop: Callable[[], StopToken]) -> None:
        self.stops = [stop(), stop()]


def test_one_process_is_a_team():
    with working_together("data") as team:
        assert (team.size, team.first) == (1, True)


@pytest.mark.parametrize(("number", "heard"), [(0, "said"), (1, "")])
def test_one_is_heard(number, heard, monkeypatch, capsys):
    monkeypatch.setattr(Team, "gathered", lambda parallel: Team(Group(number), parallel))
    with working_together("tensor"):
        print("said", end="")
        print("said", end="", file=sys.stderr)
    print("!", end="")
    out, err = capsys.readouterr()
    assert (out, err) == (f"{heard}!", heard)


def test_several_that_would_do_the_same(monkeypatch):
    monkeypatch.setattr(Team, "gathered", lambda parallel: Team(Group(0), parallel))
    with pytest.raises(InputError, match="2 processes were started"), working_together("data"):
        pytest.fail("they are refused")


@pytest.mark.parametrize(
    ("error", "dismissed"),
    [(None, 1), (InputError("x"), 1), (PeersLostError("x"), 0), (KeyboardInterrupt(), 0)],
)
def test_the_others_go_when_the_first_one_has_no_more_to_ask(error, dismissed):
    engine = Engine()
    if error is None:
        with leading(engine):
            pass
    else:
        with pytest.raises(type(error)), leading(engine):
            raise error
    assert engine.dismissed == dismissed


def test_who_follows_has_a_fresh_stop_for_each_answer():
    engine = Engine()
    assert follow(engine) == 0
    first, second = engine.stops
    assert first is not second
