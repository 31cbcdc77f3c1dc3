"""Many questions to one model: batched greedy answers, and the speed of a single one."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlx_lm.generate import BatchGenerator
from mlx_lm.sample_utils import greedy_sampler

from shadow_mlx.config import SamplingConfig
from shadow_mlx.errors import Interrupted
from shadow_mlx.evaluation.questions import Question
from shadow_mlx.generation.decode import Answer, decode, shared
from shadow_mlx.kernels import broken_off
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.reach import positions_of

OnAnswer = Callable[[int, str], None]
"""Told a question's place among those that were asked, and its answer, as it is finished."""


def answer_all(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_tokens: int,
    batch_size: int = 32,
    cut: bool = True,
    on_answer: OnAnswer = lambda place, answer: None,
    stop: StopToken | None = None,
    team: Team | None = None,
) -> list[str | None]:
    """The model's greedy answers, in the order of the questions.

    Stopped, it gives those that were finished by then, and None for the others.

    Args:
        model: Anything with mlx-lm's call surface.
        tokenizer: As mlx-lm loads it.
        questions: What is asked.
        max_tokens: Longest answer.
        batch_size: Answers that are generated together.
        cut: Whether an answer counts that did not end by itself; else there is None for it.
        on_answer: Told of each answer as it comes.
        stop: Looked at between tokens.
        team: The processes that the model is split over: all of them answer the same.
    """
    limit = positions_of(model)
    longest = [
        max_tokens if limit is None else max(1, limit.room(len(question.prompt), max_tokens))
        for question in questions
    ]
    generator = BatchGenerator(
        model,
        max_tokens=max_tokens,
        stop_tokens=[[token] for token in tokenizer.eos_token_ids],
        completion_batch_size=batch_size,
        sampler=shared(greedy_sampler, team or alone()),
    )
    try:
        numbers = generator.insert([list(question.prompt) for question in questions], longest)
        place = {number: i for i, number in enumerate(numbers)}
        tokens: dict[int, list[int]] = {number: [] for number in numbers}
        finished: dict[int, str] = {}
        while not (stop is not None and stop.stopping):
            try:
                responses = generator.next_generated()
            except RuntimeError as error:
                if not broken_off(error, lambda: stop is not None and stop.stopping):
                    raise
                break
            if not responses:
                break
            for response in responses:
                if response.finish_reason != "stop":
                    tokens[response.uid].append(response.token)
                if response.finish_reason == "stop" or (cut and response.finish_reason):
                    answer = finished[response.uid] = tokenizer.decode(tokens[response.uid])
                    on_answer(place[response.uid], answer)
    finally:
        generator.close()
    return [finished.get(number) for number in numbers]


@dataclass(frozen=True)
class Speed:
    """Medians over a few questions, asked one at a time.

    Attributes:
        prompt_tps: Prompt tokens a second.
        decode_tps: Generated tokens a second.
        first_token_seconds: From the question to its first token.
        memory_bytes: Weights, cache, and the most that computing took beside them.
    """

    prompt_tps: float
    decode_tps: float
    first_token_seconds: float
    memory_bytes: int


def measure_speed(
    model: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    *,
    max_tokens: int,
    trials: int = 5,
    stop: StopToken | None = None,
    team: Team | None = None,
) -> Speed:
    """Ask the first few questions one at a time, after one that warms up.

    Raises:
        Interrupted: ``stop`` asked for it.
    """

    def ask(question: Question) -> Answer:
        answer = decode(model, tokenizer, question.prompt, sampling, stop=stop, team=team)
        if answer.finish_reason == "interrupted":
            raise Interrupted("stopped while the speed was measured")
        return answer

    sampling = SamplingConfig(max_tokens=max_tokens, draft=False)  # of the model itself
    ask(questions[0])
    answers = [ask(question) for question in questions[:trials]]
    return Speed(
        prompt_tps=statistics.median(answer.prompt_tps for answer in answers),
        decode_tps=statistics.median(answer.generation_tps for answer in answers),
        first_token_seconds=statistics.median(
            answer.prompt_tokens / answer.prompt_tps for answer in answers if answer.prompt_tps
        ),
        memory_bytes=max(answer.memory_bytes for answer in answers),
    )
