"""The questions of a file as a choice among its labels: which there are, and their token ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shadow_mlx.config import CompareConfig
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines, Records
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.data.tokens import Encoder, refused
from shadow_mlx.data.trained_on import training_file
from shadow_mlx.errors import DataError
from shadow_mlx.evaluation.answering import OnAnswer
from shadow_mlx.evaluation.labels import LabelPrompt, choose
from shadow_mlx.evaluation.metrics import Pair, exact_match
from shadow_mlx.evaluation.replies import Reply
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.generation.continuations import Ids
from shadow_mlx.runs.events import StopToken

MOST = 1000
"""Different answers up to which they count as labels."""

CONTENT_FREE = ("N/A", "[MASK]")
"""Texts that say nothing, those of the paper on calibration but for the empty one: some templates
and every model without a template cannot be asked that."""


def label_of(record: Record) -> str | None:
    """The answer that a record expects, as it is trained, where it can be a label."""
    if not record.messages or record.messages[-1]["role"] != "assistant":
        return None
    last = record.messages[-1]
    return None if last.get("tool_calls") else str(last["content"])


def labels_of(data: JsonLines, options: CompareConfig) -> tuple[tuple[str, ...], list[str]]:
    """The labels to choose from, and what is to be said of them; none where answers are generated.

    They are the answers of the whole compared file, and of each file that an adapter was trained
    on, where that is here and has some of the same.

    Raises:
        DataError: The answers of the compared file are no labels: too many different ones, or one.
    """
    if options.score != "labels":
        return (), ["--calibrate weighs labels: nothing without --score labels"] * options.calibrate
    own = _answers_in(data)
    if own is None:
        raise DataError(
            f"{data.path}: more than {MOST:,} different answers; --score labels chooses among the "
            "answers of the data, which must be few: leave it out to have answers generated"
        )
    notes, found = [], set(own)
    for adapter in options.adapters:
        trained = training_file(Path(adapter))
        if trained is None or trained[0] == data.path:
            continue
        try:
            more = _answers_in(JsonLines(*trained))
        except InvalidDataError:
            more = None
        if more and more & own:
            found |= more
        else:
            notes.append(
                f"none of the labels is an answer of {trained[0]}, which trained {adapter}"
            )
    if len(found) < 2:
        raise DataError(f"{data.path}: {len(found)} different answers; expected two labels or more")
    return tuple(sorted(found)), [f"chosen from {len(found):,} labels", *notes]


def _answers_in(records: JsonLines) -> set[str] | None:
    """The different answers of a file; ``None`` where they are too many for labels."""
    found: set[str] = set()
    for record in records:
        label = label_of(record)
        if label is not None and label.strip():
            found.add(label)
        if len(found) > MOST:
            return None
    return found


class Choice:
    """The questions of one file as a choice among labels, for one tokenizer.

    Args:
        labels: To choose from.
        records: The file.
        questions: Those of its records that are asked.
        encoder: As the loss is measured with.
        asker: As the questions were made with.
        calibrate: Whether labels are weighed.

    Raises:
        DataError: An answer calls a function.
        InvalidDataError: The chat template refuses an answer.
    """

    def __init__(
        self,
        labels: Sequence[str],
        records: Records,
        questions: Sequence[Question],
        encoder: Encoder,
        asker: Asker,
        *,
        calibrate: bool = False,
    ) -> None:
        self.labels = labels
        self._records = records
        self._places = {records.line_number(i): i for i in range(len(records))}
        masked = dataclasses.replace(encoder.options, mask_prompt=True)
        self._encoder = Encoder(encoder.tokenizer, masked)
        self._asker = asker
        self._free = CONTENT_FREE if calibrate else ()
        self._answers: dict[str, list[Ids]] = {}
        self._expected = {one.line: self._label(one) for one in questions}
        self._prompts = {one.line: self._prompt(one) for one in questions}

    @property
    def longest(self) -> int:
        """Tokens of the longest label, its end with it."""
        return max(len(ids) for several in self._answers.values() for ids in several)

    def answer(
        self,
        model: Any,
        questions: Sequence[Question],
        *,
        batch_size: int = 32,
        on_answer: OnAnswer = lambda place, answer: None,
        stop: StopToken | None = None,
    ) -> list[str | None]:
        """The labels that a model chooses; for the arguments see :func:`choose`."""
        prompts = [self._prompts[one.line] for one in questions]
        return choose(
            model, prompts, self.labels, batch_size=batch_size, on_answer=on_answer, stop=stop
        )

    def reply(self, question: Question, label: str) -> Reply:
        """A chosen label beside the one that is expected."""
        expected = self._expected[question.line]
        return Reply(label, "", False, Pair(label, expected, exact_match(label, expected)))

    def _label(self, question: Question) -> str:
        label = label_of(self._records[self._places[question.line]])
        if label is None:
            found = f"{self._records.path}:{question.line}: the answer calls a function"
            raise DataError(f"{found}; expected a label")
        return label

    def _prompt(self, question: Question) -> LabelPrompt:
        place = self._places[question.line]
        record = self._records[place]
        # what follows a prompt depends on its end alone, and on how the template is told to answer
        key = repr((question.prompt[-1], question.opening, record.options))
        if key not in self._answers:
            self._answers[key] = self._answers_to(place)
        free = [self._asker.question_of(_saying(record, text)) for text in self._free]
        without = tuple(one.prompt for one in free if one is not None)
        return LabelPrompt(question.prompt, self._answers[key], without)

    def _answers_to(self, place: int) -> list[Ids]:
        """The ids of each label and of its end, as they are trained behind a question."""
        record = self._records[place]
        answers = []
        for whole in self._encoder.encode_many([_answered(record, one) for one in self.labels]):
            if whole.refusal is not None:
                raise InvalidDataError([refused(self._records, place, whole.refusal)])
            example = whole.examples[-1]
            start = int(np.flatnonzero(~example.supervised)[-1]) + 1
            answers.append(tuple(map(int, example.tokens[start:])))
        return answers


def _answered(record: Record, label: str) -> Record:
    """A record with another answer."""
    messages = (*record.messages[:-1], {"role": "assistant", "content": label})
    return dataclasses.replace(record, messages=messages, completion=label)


def _saying(record: Record, text: str) -> Record:
    """A record in which the last thing that a person says, or the system's text, is another one."""
    last = max((i for i, one in enumerate(record.messages) if one["role"] == "user"), default=0)
    said = str(record.messages[last]["content"])
    lead = said.removesuffix(record.text) if record.kind == "label" else ""
    message = {**record.messages[last], "content": lead + text}
    messages = (*record.messages[:last], message, *record.messages[last + 1 :])
    prompt = record.prompt.removesuffix(said) + text
    return dataclasses.replace(record, messages=messages, prompt=prompt)
