"""The comparison on a tiny random model with a fresh adapter: what must hold of any model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.errors import DataError, Interrupted
from shadow_mlx.evaluation.compare import Comparison, Result, compare, pair
from shadow_mlx.events import StopToken

CHATS = [("Hello", "Hi there"), ("One and one?", "Two"), ("Bye", "Good bye")]


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
    assert base.shadow_parameters == 0 < attached.shadow_parameters
    assert detached.parameters < attached.parameters
    assert ("detached: answers", len(CHATS), len(CHATS)) in steps


def test_the_same_file_gives_the_same_answers_and_losses(adapter: Path, chats: Path) -> None:
    first, second = (compare(chats, [str(adapter)], max_tokens=8) for _ in range(2))
    for one, other in zip(first.results, second.results, strict=True):
        assert (one.answers, one.loss) == (other.answers, other.loss)


def test_a_limit_takes_the_first_examples_and_the_mapping_is_json(
    adapter: Path, chats: Path
) -> None:
    comparison = compare(chats, [str(adapter)], modes=["attached"], limit=2, max_tokens=4)
    mapping = json.loads(json.dumps(comparison.to_mapping()))
    assert [example["expected"] for example in mapping["examples"]] == ["Hi there", "Two"]
    assert set(mapping["examples"][0]["answers"]) == {"attached"}


def test_it_stops_when_asked(adapter: Path, chats: Path) -> None:
    stop = StopToken()
    stop.stop()
    with pytest.raises(Interrupted):
        compare(chats, [str(adapter)], stop=stop)


def test_plain_texts_ask_nothing(adapter: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "Just words"}\n', encoding="utf-8")
    with pytest.raises(DataError, match="nothing to answer"):
        compare(path, [str(adapter)])


def test_pairs_count_what_was_fixed_and_what_broke() -> None:
    first = _result("base", (True, True, False, False))
    second = _result("attached", (True, False, True, False))
    pairing = pair(first, second)
    assert (pairing.both_right, pairing.fixed, pairing.regressed, pairing.both_wrong) == (
        1,
        1,
        1,
        1,
    )
    assert [p.second for p in Comparison("f", (), (first, second)).pairings()] == ["attached"]


def _result(name: str, right: tuple[bool, ...]) -> Result:
    return Result(
        name=name,
        mode="base",
        adapter=None,
        questions=len(right),
        exact=sum(right) / len(right),
        field_f1=None,
        loss=1.0,
        perplexity=2.7,
        prompt_tps=1.0,
        decode_tps=1.0,
        first_token_seconds=1.0,
        memory_bytes=1,
        weight_bytes=1,
        parameters=1,
        shadow_parameters=1,
        seconds=1.0,
        answers=("",) * len(right),
        right=right,
    )
