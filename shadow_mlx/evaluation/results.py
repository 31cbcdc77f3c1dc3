"""What a comparison found, as values: one result a model, and how two models' answers differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shadow_mlx.config import Mode
from shadow_mlx.evaluation.questions import Question


@dataclass(frozen=True)
class Result:
    """What one model scored. Losses are in nats a supervised token, times in seconds.

    ``exact`` and ``field_f1`` are shares from 0 to 1 of the ``questions`` that were answered;
    ``field_f1`` is None where the expected answers are no JSON. ``right`` tells for each question
    whether its answer matched exactly; None stands where the comparison was stopped before the
    answer. ``answers`` are what was said; what a model thought before it stands in ``reasonings``,
    and ``unfinished`` counts the answers that were still thinking at the end of their length.
    ``macro_f1`` is the mean of the labels' F1 scores, and None where no labels were chosen.
    ``memory_bytes`` is the peak while one question was answered, for this model alone.
    """

    name: str
    mode: Mode
    adapter: str | None
    questions: int
    exact: float
    field_f1: float | None
    loss: float
    perplexity: float
    prompt_tps: float
    decode_tps: float
    first_token_seconds: float
    memory_bytes: int
    weight_bytes: int
    parameters: int
    trainable_parameters: int
    seconds: float
    answers: tuple[str | None, ...]
    right: tuple[bool | None, ...]
    reasonings: tuple[str, ...] = ()
    unfinished: int = 0
    macro_f1: float | None = None


@dataclass(frozen=True)
class Pairing:
    """How the second model's answers differ from the first one's, question by question."""

    first: str
    second: str
    both_right: int
    fixed: int
    regressed: int
    both_wrong: int


@dataclass(frozen=True)
class Comparison:
    """Everything that was measured on one file.

    ``stopped`` tells that more was asked for; ``notes`` are what a person should know of the data:
    what was cut, left out, not shown.
    """

    data: str
    questions: tuple[Question, ...]
    results: tuple[Result, ...]
    stopped: bool = False
    notes: tuple[str, ...] = ()

    def pairings(self) -> list[Pairing]:
        """Each model against each that was listed before it."""
        return [
            pair(first, second)
            for i, second in enumerate(self.results)
            for first in self.results[:i]
        ]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON; answers beside their questions.

        A figure that is no finite number, which JSON cannot hold, is None.
        """
        examples = [
            {
                "line": question.line,
                "prompt": question.shown,
                "expected": question.expected,
                "answers": {result.name: result.answers[i] for result in self.results},
                "right": {result.name: result.right[i] for result in self.results},
                "reasoning": {
                    result.name: result.reasonings[i]
                    for result in self.results
                    if any(result.reasonings[i : i + 1])
                },
            }
            for i, question in enumerate(self.questions)
        ]
        return {
            "data": self.data,
            "stopped": self.stopped,
            "notes": list(self.notes),
            "results": [_figures(result) for result in self.results],
            "pairings": [dataclasses.asdict(pairing) for pairing in self.pairings()],
            "examples": examples,
        }


def pair(first: Result, second: Result) -> Pairing:
    """Count what ``second`` FIXED and what it REGRESSED, where both have answered."""
    outcomes = list(zip(first.right, second.right, strict=True))
    return Pairing(
        first.name,
        second.name,
        both_right=outcomes.count((True, True)),
        fixed=outcomes.count((False, True)),
        regressed=outcomes.count((True, False)),
        both_wrong=outcomes.count((False, False)),
    )


def _figures(result: Result) -> Mapping[str, Any]:
    return {
        field.name: None if isinstance(value, float) and not math.isfinite(value) else value
        for field in dataclasses.fields(result)
        if field.name not in ("answers", "right", "reasonings")
        for value in [getattr(result, field.name)]
    }
