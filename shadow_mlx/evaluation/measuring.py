"""Base, attached, detached and other adapters on one test file, measured and paired.

The same file, limit and seed give the same questions, and these the same answers: decoding is
greedy.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.positions import tightest
from shadow_mlx.checkpoints.template_record import template_of
from shadow_mlx.config import NO_TEST_FILE, CompareConfig
from shadow_mlx.data.reach import length_notes
from shadow_mlx.data.reading.records import JsonLines, Part, Records
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.errors import InputError, Interrupted
from shadow_mlx.evaluation.answering import Speed, answer_all, measure_speed
from shadow_mlx.evaluation.choice import Choice, labels_of
from shadow_mlx.evaluation.contenders import Contender, contenders
from shadow_mlx.evaluation.labels import macro_f1
from shadow_mlx.evaluation.metrics import count_fields
from shadow_mlx.evaluation.questions import Question, questions_of, within
from shadow_mlx.evaluation.replies import Reply, compared, reply_to
from shadow_mlx.evaluation.results import Comparison, Result
from shadow_mlx.evaluation.scoring import mean_loss, perplexity
from shadow_mlx.generation.asking import Asker
from shadow_mlx.generation.decode import weight_bytes
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.loading import load
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.reach import positions_of

OnStep = Callable[[str, int, int], None]
"""Called with what is measured now, how much of it is done, and how much there is."""


def measure(
    options: CompareConfig,
    on_step: OnStep = lambda what, done, total: None,
    stop: StopToken | None = None,
) -> Comparison:
    """Measure every mode of every adapter on one test file.

    Stopped, it gives what is measured by then: whole results, and the answers so far of the model
    that was at work.

    Args:
        options: The file, who takes part, and how they are asked. A backbone that several adapters
            share is measured once. How the chat template is used is, where the options leave it
            open, as each adapter was trained.
        on_step: Told about progress.
        stop: Looked at between tokens and batches.

    Raises:
        InputError: A file or an adapter cannot be used.
        Interrupted: ``stop`` asked for it before there was anything to give.
    """
    if options.data is None:
        raise InputError(NO_TEST_FILE)
    taking_part = contenders(options.adapters, options.modes, options.model)
    if not taking_part:
        raise InputError("nothing to compare: name an adapter folder, or take base as a mode")
    data = JsonLines(options.data, options.columns)
    records = _chosen(data, options.limit, options.seed)
    labels, said = labels_of(data, options)
    test = _Test(options, records, on_step, stop or StopToken(), labels)
    measured: list[_Measured] = []
    try:
        for one in _measure_all(test, taking_part):
            measured.append(one)  # kept, whatever comes later
    except Interrupted:
        if not measured:
            raise
    results = tuple(one.result for one in measured)
    stopped = len(results) < len(taking_part) or any(None in result.right for result in results)
    notes = dict.fromkeys(said) | dict.fromkeys(note for one in measured for note in one.notes)
    return Comparison(options.data, tuple(measured[-1].questions), results, stopped, tuple(notes))


@dataclass(frozen=True)
class _Measured:
    """One model's result, what it was asked, and what is to be known of that."""

    result: Result
    questions: list[Question]
    notes: list[str]


@dataclass(frozen=True)
class _Test:
    """What every model is put to, and who hears of it; ``labels`` where one is to be chosen."""

    options: CompareConfig
    records: Records
    on_step: OnStep
    stop: StopToken
    labels: tuple[str, ...] = ()

    def step(self, name: str, total: int, done: int) -> None:
        """Tell how many answers there are."""
        self.on_step(f"{name}: answers", done, total)

    def look_at_stop(self) -> None:
        """Raise :class:`Interrupted` when asked to stop."""
        if self.stop.stopping:
            raise Interrupted("stopped before there was anything to show")


def _measure_all(test: _Test, taking_part: Sequence[Contender]) -> Iterator[_Measured]:
    for adapter, group in itertools.groupby(taking_part, lambda one: one.adapter):
        test.look_at_stop()
        yield from _measure_adapter(test, list(group), adapter)
        mx.clear_cache()  # what this adapter took is free before the next one is loaded


def _measure_adapter(
    test: _Test, group: Sequence[Contender], adapter: str | None
) -> Iterator[_Measured]:
    """The results of modes that share their weights."""
    test.on_step(f"{group[0].name}: loading", 0, 1)
    options = test.options
    loaded, tokenizer = load(
        options.model,
        adapter,
        "base" if adapter is None else "attached",
        trust_remote_code=options.trust_remote_code,
    )
    limit = tightest(positions_of(modes_of(loaded)[one.mode]) for one in group)
    template = template_of(adapter, options.template)
    encoder = Encoder(
        tokenizer, dataclasses.replace(options.encoding, **template.to_mapping()), limit
    )
    dataset = encode_all(test.records, encoder)
    asker = Asker(encoder.format)
    questions = questions_of(test.records, asker)
    choice = _choice(test, questions, encoder, asker)
    longest = choice.longest if choice else 1
    questions, left_out = within(limit, questions, longest)
    notes = [
        *encoder.format.template.notes,
        *dataset.counts.notes(),
        *length_notes(dataset, options.max_seq_length, limit),
        *left_out,
    ]
    for contender in group:
        one = modes_of(loaded)[contender.mode]
        start = time.monotonic()
        test.on_step(f"{contender.name}: loss", 0, 1)
        loss = mean_loss(one, dataset, stop=test.stop)
        test.on_step(f"{contender.name}: speed", 0, 1)
        most = min(longest, options.max_tokens) if choice else options.max_tokens
        speed = measure_speed(one, tokenizer, questions, max_tokens=most, stop=test.stop)
        progress = functools.partial(test.step, contender.name, len(questions))
        if choice:
            replies = choice.replies(
                one,
                questions,
                batch_size=options.batch_size,
                on_progress=progress,
                stop=test.stop,
            )
        else:
            answers = answer_all(
                one,
                tokenizer,
                questions,
                max_tokens=options.max_tokens,
                batch_size=options.batch_size,
                on_progress=progress,
                stop=test.stop,
            )
            replies = [
                None if answer is None else reply_to(question, answer, asker)
                for question, answer in zip(questions, answers, strict=True)
            ]
        if all(reply is None for reply in replies):
            test.look_at_stop()
        seconds = time.monotonic() - start
        result = _result(contender, one, questions, replies, loss, speed, seconds)
        if choice:
            pairs = zip(replies, choice.expected(questions), strict=True)
            balanced = macro_f1((one.words.strip(), label.strip()) for one, label in pairs if one)
            result = dataclasses.replace(result, macro_f1=balanced)
        yield _Measured(result, questions, notes)


def _choice(
    test: _Test, questions: Sequence[Question], encoder: Encoder, asker: Asker
) -> Choice | None:
    """The questions as a choice among labels, where that is what is scored."""
    if not test.labels:
        return None
    return Choice(
        test.labels, test.records, questions, encoder, asker, calibrate=test.options.calibrate
    )


def _result(
    contender: Contender,
    model: Any,
    questions: Sequence[Question],
    replies: Sequence[Reply | None],
    loss: float,
    speed: Speed,
    seconds: float,
) -> Result:
    answered = [
        (reply.compared, compared(question))
        for reply, question in zip(replies, questions, strict=True)
        if reply is not None
    ]
    right = tuple(None if reply is None else reply.right for reply in replies)
    shadow = getattr(model, "shadow", None)
    return Result(
        name=contender.name,
        mode=contender.mode,
        adapter=None if contender.mode == "base" else contender.adapter,
        questions=len(answered),
        exact=right.count(True) / len(answered),
        field_f1=count_fields(answered).f1,
        loss=loss,
        perplexity=perplexity(loss),
        prompt_tps=speed.prompt_tps,
        decode_tps=speed.decode_tps,
        first_token_seconds=speed.first_token_seconds,
        memory_bytes=speed.memory_bytes,
        weight_bytes=weight_bytes(model),
        parameters=get_total_parameters(model),
        trainable_parameters=_count(shadow.trainable_parameters()) if shadow is not None else 0,
        seconds=seconds,
        answers=tuple(None if reply is None else reply.words for reply in replies),
        right=right,
        reasonings=tuple("" if reply is None else reply.reasoning for reply in replies),
        unfinished=sum(reply is not None and reply.unfinished for reply in replies),
    )


def _count(parameters: Any) -> int:
    return sum(array.size for _, array in tree_flatten(parameters))


def _chosen(records: JsonLines, limit: int | None, seed: int | None) -> Records:
    """The first ``limit`` records, or as many drawn by ``seed``, in the file's order."""
    if limit is None or limit >= len(records):
        return records
    if seed is None:
        return Part(records, np.arange(limit))
    drawn = np.random.default_rng(seed).choice(len(records), limit, replace=False)
    return Part(records, np.sort(drawn).astype(np.int64))
