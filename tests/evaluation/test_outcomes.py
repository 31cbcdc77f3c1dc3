"""Figures of contenders that were asked different questions, or have answered some of them only."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from shadow_mlx.errors import DataError, Interrupted
from shadow_mlx.evaluation.answer_log import Measured
from shadow_mlx.evaluation.answering import Speed
from shadow_mlx.evaluation.contenders import Contender
from shadow_mlx.evaluation.metrics import EXACT_MATCH, Pair
from shadow_mlx.evaluation.outcomes import OTHER_TOKENS, Outcome, Size, compared_on_all
from shadow_mlx.evaluation.questions import Question
from shadow_mlx.evaluation.replies import Reply
from shadow_mlx.evaluation.results import Comparison

MEASURED = Measured(1.0, Speed(1, 2, 3, 4), 5.0)


def outcome(name: str, right: Mapping[int, bool | None], *, token: int = 0) -> Outcome:
    """A contender that was asked about these lines; None: no answer yet."""
    questions = [Question(line, f"q{line}", (line, token), "yes") for line in right]
    replies = [
        None if flag is None else Reply("yes", "", False, Pair("yes", "yes", flag))
        for flag in right.values()
    ]
    contender = Contender(name, "base", None)
    return Outcome(contender, "m", Size(1, 2, 3), MEASURED, 6.0, questions, replies, [f"of {name}"])


def compared(*outcomes: Outcome, everybody: bool = True) -> Comparison:
    return compared_on_all("f", outcomes, lambda questions: EXACT_MATCH, everybody=everybody)


def test_all_are_judged_on_the_questions_that_all_were_asked() -> None:
    comparison = compared(
        outcome("a", {1: True, 2: True, 3: False}), outcome("b", {2: False, 3: False})
    )
    assert [question.line for question in comparison.questions] == [2, 3]
    assert [result.right for result in comparison.results] == [(True, False), (False, False)]
    assert [result.exact for result in comparison.results] == [0.5, 0.0]
    assert [result.questions for result in comparison.results] == [2, 2]
    assert not comparison.stopped
    assert comparison.notes == ("of a", "of b", OTHER_TOKENS)


def test_the_same_tokens_need_no_remark() -> None:
    same = [outcome(name, {1: True}) for name in "ab"]
    assert OTHER_TOKENS not in compared(*same).notes
    other = outcome("b", {1: True}, token=1)
    assert OTHER_TOKENS in compared(same[0], other).notes


def test_what_is_not_answered_is_no_wrong_answer() -> None:
    comparison = compared(outcome("a", {1: True, 2: None}), outcome("b", {1: None, 2: None}))
    assert comparison.stopped
    (result,) = comparison.results
    assert (result.exact, result.questions, result.right) == (1.0, 1, (True, None))
    assert compared(outcome("a", {1: True}), everybody=False).stopped
    assert not compared(outcome("a", {1: True})).stopped


def test_an_answer_to_a_question_of_ones_own_is_nothing_to_show() -> None:
    asked = outcome("a", {1: True, 2: None}), outcome("b", {2: None})
    with pytest.raises(Interrupted):
        compared(*asked)
    with pytest.raises(DataError, match="short enough for all"):
        compared(outcome("a", {1: True}), outcome("b", {2: True}))
