"""Base, attached, detached and other adapters on one test file, measured and paired.

The same file and limit give the same answers: decoding is greedy.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.utils import get_total_parameters

from shadow_mlx.config import MODES, ColumnConfig, Mode
from shadow_mlx.data.columns import AS_NAMED
from shadow_mlx.data.records import JsonLines, Part, Records
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.evaluation.answering import Speed, answer_all, measure_speed
from shadow_mlx.evaluation.metrics import count_fields, exact_match
from shadow_mlx.evaluation.questions import Question, questions_of
from shadow_mlx.evaluation.scoring import mean_loss, perplexity
from shadow_mlx.events import StopToken
from shadow_mlx.generation.decode import weight_bytes
from shadow_mlx.generation.session import modes_of
from shadow_mlx.loading import load

OnStep = Callable[[str, int, int], None]
"""Called with what is measured now, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Result:
    """What one model scored. Losses are in nats a supervised token, times in seconds.

    ``exact`` and ``field_f1`` are shares from 0 to 1; ``field_f1`` is None where the expected
    answers are no JSON. ``right`` tells for each question whether its answer matched exactly.
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
    shadow_parameters: int
    seconds: float
    answers: tuple[str, ...]
    right: tuple[bool, ...]


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
    """Everything that was measured on one file."""

    data: str
    questions: tuple[Question, ...]
    results: tuple[Result, ...]

    def pairings(self) -> list[Pairing]:
        """Each model against each that was listed before it."""
        return [
            pair(first, second)
            for i, second in enumerate(self.results)
            for first in self.results[:i]
        ]

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON; answers beside their questions."""
        results = []
        for result in self.results:
            figures = dataclasses.asdict(result)
            del figures["answers"], figures["right"]
            results.append(figures)
        examples = [
            {
                "line": question.line,
                "prompt": question.shown,
                "expected": question.expected,
                "answers": {result.name: result.answers[i] for result in self.results},
            }
            for i, question in enumerate(self.questions)
        ]
        return {
            "data": self.data,
            "results": results,
            "pairings": [dataclasses.asdict(pairing) for pairing in self.pairings()],
            "examples": examples,
        }


def pair(first: Result, second: Result) -> Pairing:
    """Count what ``second`` FIXED and what it REGRESSED against ``first``."""
    outcomes = list(zip(first.right, second.right, strict=True))
    return Pairing(
        first.name,
        second.name,
        both_right=outcomes.count((True, True)),
        fixed=outcomes.count((False, True)),
        regressed=outcomes.count((True, False)),
        both_wrong=outcomes.count((False, False)),
    )


def compare(
    data: str | Path,
    adapters: Sequence[str],
    *,
    modes: Sequence[Mode] = MODES,
    model: str | None = None,
    limit: int | None = None,
    max_tokens: int = 256,
    columns: ColumnConfig = AS_NAMED,
    batch_size: int = 32,
    on_step: OnStep = lambda what, done, total: None,
    stop: StopToken | None = None,
) -> Comparison:
    """Measure every mode of every adapter on one test file.

    Args:
        data: A JSON Lines file of chats or completions.
        adapters: Adapter folders; with several, the base is measured once, with the first.
        modes: Which of base, attached and detached to measure.
        model: The backbone, if it is not the one that the adapters record.
        limit: Use only the first so many examples.
        max_tokens: Longest answer.
        columns: Which columns of the file hold what.
        batch_size: Answers that are generated together.
        on_step: Told about progress.
        stop: Looked at between tokens and batches.

    Raises:
        InputError: A file or an adapter cannot be used.
        Interrupted: ``stop`` asked for it.
    """
    results: list[Result] = []
    questions: list[Question] = []
    for adapter in adapters:
        attached, tokenizer = load(model, adapter, "attached")
        records = _first(JsonLines(data, columns), limit)
        encoder = Encoder(tokenizer)
        dataset = encode_all(records, encoder)
        questions = questions_of(records, tokenizer)
        for mode, contender in _contenders(modes_of(attached), modes, first=not results):
            name = mode if len(adapters) == 1 or mode == "base" else f"{mode} {adapter}"
            start = time.monotonic()
            on_step(f"{name}: loss", 0, 1)
            loss = mean_loss(contender, dataset, stop=stop)

            answers = answer_all(
                contender,
                tokenizer,
                questions,
                max_tokens=max_tokens,
                batch_size=batch_size,
                on_progress=functools.partial(_answered, on_step, name, len(questions)),
                stop=stop,
            )
            seconds = time.monotonic() - start
            speed = measure_speed(contender, tokenizer, questions, max_tokens=max_tokens)
            results.append(
                _result(name, mode, adapter, contender, questions, answers, loss, speed, seconds)
            )
        del attached
        mx.clear_cache()
    return Comparison(str(data), tuple(questions), tuple(results))


def _answered(on_step: OnStep, name: str, total: int, done: int) -> None:
    on_step(f"{name}: answers", done, total)


def _contenders(
    loaded: Mapping[Mode, Any], modes: Sequence[Mode], *, first: bool
) -> Iterator[tuple[Mode, Any]]:
    for mode in ("base", "attached", "detached"):
        if mode in modes and (mode != "base" or first):
            yield mode, loaded[mode]


def _result(
    name: str,
    mode: Mode,
    adapter: str,
    model: Any,
    questions: Sequence[Question],
    answers: Sequence[str],
    loss: float,
    speed: Speed,
    seconds: float,
) -> Result:
    pairs = [(answer, asked.expected) for answer, asked in zip(answers, questions, strict=True)]
    right = tuple(exact_match(answer, expected) for answer, expected in pairs)
    shadow = getattr(model, "shadow", None)
    return Result(
        name=name,
        mode=mode,
        adapter=None if mode == "base" else adapter,
        questions=len(questions),
        exact=sum(right) / len(right),
        field_f1=count_fields(pairs).f1,
        loss=loss,
        perplexity=perplexity(loss),
        prompt_tps=speed.prompt_tps,
        decode_tps=speed.decode_tps,
        first_token_seconds=speed.first_token_seconds,
        memory_bytes=speed.memory_bytes,
        weight_bytes=weight_bytes(model),
        parameters=get_total_parameters(model),
        shadow_parameters=get_total_parameters(shadow) if shadow is not None else 0,
        seconds=seconds,
        answers=tuple(answers),
        right=right,
    )


def _first(records: JsonLines, limit: int | None) -> Records:
    return records if limit is None else Part(records, np.arange(min(limit, len(records))))
