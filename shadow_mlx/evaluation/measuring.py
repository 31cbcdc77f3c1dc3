"""Base, attached, detached, other adapters and their rivals on one test file, measured and paired.

All of them are asked the same questions, by the same chat template's rules, for answers of the same
length. The same file, limit and seed give the same questions, and these the same answers: decoding
is greedy.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.positions import tightest
from shadow_mlx.checkpoints.template_record import template_of
from shadow_mlx.config import NO_TEST_FILE, CompareConfig, TemplateConfig
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.reach import length_notes
from shadow_mlx.data.reading.records import JsonLines, Part, Records
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.errors import InputError, Interrupted
from shadow_mlx.evaluation.answer_log import AnswerLog, Measured, Past
from shadow_mlx.evaluation.answering import OnAnswer, answer_all, measure_speed
from shadow_mlx.evaluation.choice import Choice, labels_of
from shadow_mlx.evaluation.contenders import Contender, contenders
from shadow_mlx.evaluation.metrics import Metric, metric_for
from shadow_mlx.evaluation.outcomes import Outcome, Size, compared_on_all
from shadow_mlx.evaluation.questions import Question, answers_in, questions_of, within
from shadow_mlx.evaluation.replies import Reply, compared, reply_to
from shadow_mlx.evaluation.results import Comparison
from shadow_mlx.evaluation.scoring import mean_loss
from shadow_mlx.evaluation.stage import Loaded, Stage
from shadow_mlx.files.stamp import files_stamp
from shadow_mlx.generation.asking import Asker
from shadow_mlx.generation.decode import weight_bytes
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.detached import DetachedModel

OnStep = Callable[[str, int, int], None]
"""Called with what is measured now, how much of it is done, and how much there is."""

FREE = frozenset(
    {"data", "adapter_path", "model", "trust_remote_code", "modes", "rival", "metric", "pattern",
     "batch_size", "parallel"}
)  # fmt: skip
"""Options that change neither the questions nor an answer to them: a stopped comparison may go on
with others of these."""


def measure(
    options: CompareConfig,
    on_step: OnStep = lambda what, done, total: None,
    stop: StopToken | None = None,
    *,
    answers: str | Path | None = None,
    resume: bool = False,
    team: Team | None = None,
) -> Comparison:
    """Measure every mode of every adapter, and every rival, on one test file.

    Stopped, it gives what is measured by then: whole results, and the answers so far of the model
    that was at work.

    Args:
        options: The file, who takes part, and how they are asked. A backbone that several adapters
            share is loaded and measured once. How the chat template is used is, where the options
            leave it open, as each adapter was trained; rivals are asked as the first one.
        on_step: Told about progress.
        stop: Looked at between tokens and batches.
        answers: Where answers are kept as they come, if they are.
        resume: Go on with the answers that are kept there.
        team: The processes over which backbones are split: all of them measure, and the first one
            keeps answers.

    Raises:
        InputError: A file, an adapter, a rival or the kept answers cannot be used.
        Interrupted: ``stop`` asked for it before there was anything to give.
    """
    if options.data is None:
        raise InputError(NO_TEST_FILE)
    taking_part = contenders(options.adapters, options.modes, options.model, options.rival or ())
    if not taking_part:
        raise InputError("nothing to compare: name an adapter folder, or take base as a mode")
    file = JsonLines(options.data, options.columns)
    records = _chosen(file, options.limit, options.seed)
    labels, said = labels_of(file, options)
    asked = _asked_of_all(options, labels)
    team = team or alone()
    kept = answers if team.first else None
    log = AnswerLog(None if kept is None else Path(kept), asked, resume and team.first)
    whole = answers_in(file) if len(records) < len(file) else []
    test = _Test(options, records, whole, labels, said, on_step, team.stop(stop), log, team)
    measured: list[Outcome] = []
    try:
        for one in _measure_all(test, taking_part):
            measured.append(one)  # kept, whatever comes later
        if all(one.whole for one in measured):
            log.finish()
    except Interrupted:
        if not measured:
            raise
    finally:
        log.close()
    return compared_on_all(
        options.data,
        measured,
        functools.partial(_judged, test),
        everybody=len(measured) == len(taking_part),
    )


@dataclass(frozen=True)
class _Test:
    """What every model is put to, and who hears of it.

    ``whole`` is what all of the file expects, where only a part of it is asked; ``labels`` are what
    is chosen from, if it is, and ``said`` what a person should know of them.
    """

    options: CompareConfig
    records: Records
    whole: list[str]
    labels: tuple[str, ...]
    said: list[str]
    on_step: OnStep
    stop: StopToken
    log: AnswerLog
    team: Team

    def look_at_stop(self) -> None:
        """Raise :class:`Interrupted` when asked to stop."""
        if self.stop.stopping:
            raise Interrupted("stopped before there was anything to show")


@dataclass(frozen=True)
class _Asked:
    """The test as models with one tokenizer are put to it.

    Attributes:
        dataset: The examples, for the loss.
        asker: Reads answers.
        questions: What these models can be asked.
        template: How their chat template is used.
        notes: What a person should know of the data.
        choice: The questions as a choice among labels, where that is what is scored.
    """

    dataset: EncodedDataset
    asker: Asker
    questions: list[Question]
    template: TemplateConfig
    notes: list[str]
    choice: Choice | None

    def read(self, question: Question, answer: str | None) -> Reply | None:
        """What a model has answered, beside what is expected."""
        if answer is None:
            return None
        if self.choice is not None:
            return self.choice.reply(question, answer)
        return reply_to(question, answer, self.asker)


def _measure_all(test: _Test, taking_part: Sequence[Contender]) -> Iterator[Outcome]:
    stage = Stage(trust_remote_code=test.options.trust_remote_code, team=test.team)
    shared = itertools.groupby(taking_part, lambda one: (one.adapter, one.model, one.rival))
    groups = [list(group) for _, group in shared]
    for group in groups[1:]:  # the first one tells of itself at once
        stage.check(group[0])
    for group in groups:
        test.look_at_stop()
        yield from _measure_group(test, stage, group)


def _measure_group(test: _Test, stage: Stage, group: Sequence[Contender]) -> Iterator[Outcome]:
    """The results of contenders that share their weights."""
    test.on_step(f"{group[0].name}: loading", 0, 1)
    loaded = stage.load(group[0])
    asked = _ask(test, loaded, group)
    for contender in group:
        yield _measure_one(test, loaded, asked, contender)


def _ask(test: _Test, loaded: Loaded, group: Sequence[Contender]) -> _Asked:
    options = test.options
    limit = tightest(loaded.limit(one.mode) for one in group)
    template = template_of(group[0].adapter, options.template)
    encoding = dataclasses.replace(options.encoding, **template.to_mapping())
    encoder = Encoder(loaded.tokenizer, encoding, limit)
    asker = Asker(encoder.format)
    questions = questions_of(test.records, asker)
    choice = None
    if test.labels:
        choice = Choice(
            test.labels, test.records, questions, encoder, asker, calibrate=options.calibrate
        )
    questions, left_out = within(limit, questions, choice.longest if choice else 1)
    _judged(test, questions)  # what cannot be judged says so before it is answered
    dataset = encode_all(test.records, encoder)
    notes = [
        *loaded.notes,
        *encoder.format.template.notes,
        *dataset.counts.notes(),
        *length_notes(dataset, options.max_seq_length, limit),
        *left_out,
        *test.said,
    ]
    return _Asked(dataset, asker, questions, template, notes, choice)


def _measure_one(test: _Test, loaded: Loaded, asked: _Asked, contender: Contender) -> Outcome:
    model, questions, log = loaded.models[contender.mode], asked.questions, test.log
    files = files_stamp(loaded.model, contender.folder)
    past = log.past(contender, loaded.model, f"{files} {json.dumps(asked.template.to_mapping())}")
    if test.team.splits:  # all of them go on from where the first one is
        found = test.team.told(dataclasses.asdict(past))
        past = past if test.team.first else Past.from_mapping(found)
    measured = past.measured or _costs(test, model, loaded.tokenizer, asked, contender.name)
    if past.measured is None:
        log.measured(past, measured)
    missing = [question for question in questions if question.line not in past.answers]
    start, before = time.monotonic(), past.seconds

    def keep(place: int, answer: str) -> None:
        log.answered(past, missing[place].line, answer, before + time.monotonic() - start)
        test.on_step(f"{contender.name}: answers", len(past.answers), len(questions))

    if missing:
        _answer(test, model, loaded.tokenizer, asked, missing, keep)
    if not past.answers:
        test.look_at_stop()
    return Outcome(
        contender,
        loaded.model,
        _size(model, loaded),
        measured,
        measured.seconds + past.seconds,
        questions,
        [asked.read(question, past.answers.get(question.line)) for question in questions],
        asked.notes,
    )


def _answer(
    test: _Test,
    model: Any,
    tokenizer: Any,
    asked: _Asked,
    questions: Sequence[Question],
    keep: OnAnswer,
) -> None:
    """Have questions answered, and each answer kept as it comes."""
    size = test.options.batch_size
    if asked.choice is not None:
        asked.choice.answer(model, questions, batch_size=size, on_answer=keep, stop=test.stop)
        return
    answer_all(
        model,
        tokenizer,
        questions,
        max_tokens=test.options.max_tokens,
        batch_size=size,
        on_answer=keep,
        stop=test.stop,
        team=test.team,
    )


def _costs(test: _Test, model: Any, tokenizer: Any, asked: _Asked, name: str) -> Measured:
    start = time.monotonic()
    test.on_step(f"{name}: loss", 0, 1)
    loss = mean_loss(model, asked.dataset, stop=test.stop)
    test.on_step(f"{name}: speed", 0, 1)
    most = test.options.max_tokens
    if asked.choice is not None:
        most = min(most, asked.choice.longest)
    speed = measure_speed(
        model, tokenizer, asked.questions, max_tokens=most, stop=test.stop, team=test.team
    )
    return Measured(loss, speed, time.monotonic() - start)


def _size(model: Any, loaded: Loaded) -> Size:
    trained, shadow = loaded.trained, getattr(model, "shadow", None)
    if shadow is not None:
        trained = sum(array.size for _, array in tree_flatten(shadow.trainable_parameters()))
    # mlx-lm counts what its own adapters stand on, and not them
    elsewhere = 0 if isinstance(model, DetachedModel) else loaded.elsewhere
    parameters = get_total_parameters(model) + loaded.added + elsewhere
    return Size(weight_bytes(model), parameters, trained)


def _judged(test: _Test, questions: Sequence[Question]) -> Metric:
    name, pattern = test.options.metric, test.options.pattern
    if test.labels and name == "auto" and pattern is None:
        name = "label"
    return metric_for(name, [compared(one) for one in questions], pattern, test.whole)


def _asked_of_all(options: CompareConfig, labels: Sequence[str]) -> dict[str, Any]:
    """What tells this test from another: the data, and how everybody is asked."""
    assert options.data is not None
    with Path(options.data).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kept = {name: value for name, value in options.to_mapping().items() if name not in FREE}
    chosen_from = {"labels": list(labels)} if labels else {}
    return {"data": digest[:16], **kept, **chosen_from}


def _chosen(records: JsonLines, limit: int | None, seed: int | None) -> Records:
    """The first ``limit`` records, or as many drawn by ``seed``, in the file's order."""
    if limit is None or limit >= len(records):
        return records
    if seed is None:
        return Part(records, np.arange(limit))
    drawn = np.random.default_rng(seed).choice(len(records), limit, replace=False)
    return Part(records, np.sort(drawn).astype(np.int64))
