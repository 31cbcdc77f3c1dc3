"""What a comparison found, as values: one result a model, and how two models' answers differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.evaluation.contenders import Kind
from shadow_mlx.evaluation.metrics import EXACT_MATCH, Metric
from shadow_mlx.evaluation.questions import Question
from shadow_mlx.evaluation.uncertainty import LEVEL, Estimate, change, holm


@dataclass(frozen=True)
class Result:
    """What one model scored. Losses are in nats a supervised token, times in seconds.

    ``mode`` is one of ours, or what a rival is made of; ``adapter`` is the folder of what stands on
    the ``model``. ``scores`` are those of the comparison's metric, each with its interval.
    ``exact`` and ``field_f1`` are there whatever the metric: shares from 0 to 1 of the
    ``questions`` that were answered; ``field_f1`` is None where the expected answers are no JSON.
    ``right`` tells for each question whether its answer is right by the metric; None stands where
    the comparison was stopped before the answer. ``answers`` are what was said; what a model
    thought before it stands in ``reasonings``, and ``unfinished`` counts the answers that were
    still thinking at the end of their length. ``memory_bytes`` is the peak while one question was
    answered, for this model alone.
    """

    name: str
    mode: Kind
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
    model: str = ""
    scores: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class Pairing:
    """How the second model's answers differ from the first one's, question by question.

    ``difference`` is what the second's share of right answers is above the first's, from ``low`` to
    ``high`` by the paired bootstrap (None where they differ in all questions alike, or in none).
    ``p`` is that of McNemar's exact test, and ``p_adjusted`` the same among all pairings of the
    comparison (Holm): where many are looked at, some differ by chance. ``verdict`` is about the
    second one: ``better``, ``worse``, or ``open`` where chance explains the difference.
    """

    first: str
    second: str
    both_right: int
    fixed: int
    regressed: int
    both_wrong: int
    difference: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    verdict: str


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
    metric: Metric = EXACT_MATCH

    def pairings(self) -> list[Pairing]:
        """Each model against each that was listed before it."""
        pairs = [(a, b) for i, b in enumerate(self.results) for a in self.results[:i]]
        both = [_answered_by_both(a, b) for a, b in pairs]
        changes = [change([a for a, _ in flags], [b for _, b in flags]) for flags in both]
        adjusted = holm([one.p for one in changes])
        return [
            Pairing(
                first.name,
                second.name,
                both_right=flags.count((True, True)),
                fixed=flags.count((False, True)),
                regressed=flags.count((True, False)),
                both_wrong=flags.count((False, False)),
                **dataclasses.asdict(one),
                p_adjusted=p,
                verdict=_verdict(one.difference, p),
            )
            for (first, second), flags, one, p in zip(pairs, both, changes, adjusted, strict=True)
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
            "metric": {
                "name": self.metric.name,
                "scores": [
                    {"name": score.name, "title": score.title, "meaning": score.meaning}
                    for score in self.metric.scores
                ],
            },
            "results": [_figures(result) for result in self.results],
            "pairings": [dataclasses.asdict(pairing) for pairing in self.pairings()],
            "examples": examples,
        }


def _answered_by_both(first: Result, second: Result) -> list[tuple[bool, bool]]:
    """Who was right, question by question, where both have answered."""
    both = zip(first.right, second.right, strict=True)
    return [(a, b) for a, b in both if a is not None and b is not None]


def _verdict(difference: float, p: float) -> str:
    """What may be said of a difference: ``open`` where chance explains it."""
    if p >= 1 - LEVEL:
        return "open"
    return "better" if difference > 0 else "worse"


def _figures(result: Result) -> Mapping[str, Any]:
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in vars(result).items()
        if name not in ("answers", "right", "reasonings")
    }
    scores = {name: dataclasses.asdict(one) for name, one in result.scores.items()}
    return {**plain, "scores": scores}
