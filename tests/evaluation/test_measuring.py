"""The comparison on a tiny random model with a fresh adapter: what must hold of any model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from shadow_mlx.config import Mode
from shadow_mlx.errors import DataError, InputError, Interrupted
from shadow_mlx.evaluation.figures import columns
from shadow_mlx.jobs import compare
from shadow_mlx.runs.events import StopToken
from tests.evaluation.conftest import CHATS
from tests.evaluation.made import made_comparison


def test_every_mode_is_measured_on_the_same_questions(adapter: Path, chats: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    comparison = compare(
        chats, [str(adapter)], max_tokens=8, on_step=lambda *step: steps.append(step)
    )
    assert [result.name for result in comparison.results] == ["base", "attached", "detached"]
    assert [question.expected for question in comparison.questions] == [a for _, a in CHATS]
    assert [question.shown for question in comparison.questions] == [q for q, _ in CHATS]
    for result in comparison.results:
        assert len(result.answers) == len(result.right) == result.questions == len(CHATS)
        assert result.loss > 0
        assert result.decode_tps > 0
    base, attached, detached = comparison.results
    assert base.loss != attached.loss != detached.loss
    assert base.trainable_parameters == 0 < attached.trainable_parameters
    assert detached.parameters < attached.parameters
    assert ("detached: answers", len(CHATS), len(CHATS)) in steps


def test_the_same_seed_gives_the_same_numbers(adapter: Path, chats: Path) -> None:
    first, second = (
        compare(chats, [str(adapter)], limit=2, seed=5, max_tokens=8).to_mapping() for _ in range(2)
    )
    measured = {"prompt_tps", "decode_tps", "first_token_seconds", "memory_bytes", "seconds"}
    for mapping in (first, second):
        for result in mapping["results"]:
            assert measured <= result.keys()
            for timing in measured:
                del result[timing]
    assert first == second


def test_a_limit_takes_the_first_examples_or_draws_them_by_seed(adapter: Path, chats: Path) -> None:
    def expected(**options: int) -> list[str]:
        comparison = compare(chats, [str(adapter)], modes=["detached"], max_tokens=1, **options)
        return [question.expected for question in comparison.questions]

    everything = [answer for _, answer in CHATS]
    assert expected(limit=2) == everything[:2]
    assert expected(limit=99, seed=1) == everything
    drawn = {tuple(expected(limit=2, seed=seed)) for seed in range(8)}
    assert len(drawn) > 1
    assert all(list(pair) == [x for x in everything if x in pair] for pair in drawn)


def test_the_mapping_is_json_with_all_that_was_measured(adapter: Path, chats: Path) -> None:
    comparison = compare(chats, [str(adapter)], modes=["attached"], max_tokens=4)
    mapping = json.loads(json.dumps(comparison.to_mapping(), allow_nan=False))
    assert [example["expected"] for example in mapping["examples"]] == [a for _, a in CHATS]
    assert set(mapping["examples"][0]["answers"]) == {"attached"}
    assert mapping["examples"][0]["right"] == {"attached": False}
    assert {figure.key for figure in columns(mapping)} <= mapping["results"][0].keys()
    assert mapping["results"][0].keys() >= {
        "name", "mode", "adapter", "questions", "exact", "field_f1", "loss", "perplexity",
        "prompt_tps", "decode_tps", "first_token_seconds", "memory_bytes", "weight_bytes",
        "parameters", "trainable_parameters", "seconds", "unfinished",
    }  # fmt: skip
    assert mapping["stopped"] is False


def test_memory_is_that_of_each_mode_by_itself(adapter: Path, chats: Path) -> None:
    def memory(*modes: Mode) -> list[int]:
        comparison = compare(chats, [str(adapter)], modes=modes, limit=1, max_tokens=4)
        return [result.memory_bytes for result in comparison.results]

    base, attached, detached = memory("base", "attached", "detached")
    assert detached < base < attached
    assert memory("detached")[0] < base  # alone, or after larger ones: about the same


def test_adapters_on_one_backbone_share_their_base(
    adapter: Path, chats: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(adapter, tmp_path / "other")
    comparison = compare(chats, [str(adapter), str(other)], limit=1, max_tokens=2)
    assert [result.name for result in comparison.results] == [
        "base",
        f"attached {adapter.name}",
        f"detached {adapter.name}",
        "attached other",
        "detached other",
    ]
    _, first, _, second, _ = comparison.results
    assert first.answers == second.answers
    assert len(comparison.pairings()) == 10


def test_a_backbone_without_an_adapter(tiny_backbone: Path, chats: Path) -> None:
    comparison = compare(chats, [], modes=["base"], model=str(tiny_backbone), limit=1, max_tokens=2)
    assert [(one.name, one.trainable_parameters) for one in comparison.results] == [("base", 0)]
    with pytest.raises(InputError, match="nothing to compare"):
        compare(chats, [], modes=["detached"], model=str(tiny_backbone))


def test_stopped_before_anything_is_measured_there_is_nothing(adapter: Path, chats: Path) -> None:
    stop = StopToken()
    stop.stop()
    with pytest.raises(Interrupted):
        compare(chats, [str(adapter)], stop=stop)


@pytest.mark.parametrize("step", ["attached: loss", "attached: speed"])
def test_stopped_later_it_gives_what_is_measured(adapter: Path, chats: Path, step: str) -> None:
    stop = StopToken()

    def on_step(what: str, done: int, total: int) -> None:
        if what == step:
            stop.stop()

    comparison = compare(chats, [str(adapter)], max_tokens=4, on_step=on_step, stop=stop)
    assert comparison.stopped
    assert [result.name for result in comparison.results] == ["base"]
    assert comparison.to_mapping()["stopped"] is True


def test_stopped_among_the_answers_it_keeps_those(adapter: Path, chats: Path) -> None:
    chats.write_text(chats.read_text(encoding="utf-8") * 4, encoding="utf-8")
    stop = StopToken()

    def on_step(what: str, done: int, total: int) -> None:
        if what == "attached: answers":
            stop.stop()

    comparison = compare(
        chats, [str(adapter)], max_tokens=4, batch_size=8, on_step=on_step, stop=stop
    )
    base, attached = comparison.results
    assert base.questions == 12
    assert attached.questions == 8
    assert [answer is None for answer in attached.answers] == [False] * 8 + [True] * 4
    (pairing,) = comparison.pairings()
    assert pairing.both_wrong + pairing.both_right + pairing.fixed + pairing.regressed == 8
    assert comparison.stopped


def test_plain_texts_ask_nothing(adapter: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "Just words"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="nothing to answer"):
        compare(path, [str(adapter)])


def test_pairs_count_what_was_fixed_and_what_broke() -> None:
    comparison = made_comparison(
        {"base": [True, True, False, False, None], "attached": [True, False, True, False, True]}
    )
    (pairing,) = comparison.pairings()
    assert (pairing.first, pairing.second) == ("base", "attached")
    counts = (pairing.both_right, pairing.fixed, pairing.regressed, pairing.both_wrong)
    assert counts == (1, 1, 1, 1)
    assert (pairing.difference, pairing.p, pairing.verdict) == (0.0, 1.0, "open")
