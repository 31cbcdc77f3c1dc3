"""Data whose answers the attached model has written: what its shadow is then taught on.

A line may lack its answer: a chat that ends with a person's message, a prompt without a completion.
Lines are written one batch after the other, so that what was interrupted goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx

from shadow_mlx import loading
from shadow_mlx.config import ColumnConfig, TrainConfig, WritingConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.fields import OPTIONS
from shadow_mlx.data.reading.lines import LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError, Problem
from shadow_mlx.data.reading.records import JsonLines, Record
from shadow_mlx.data.reading.sources import locate
from shadow_mlx.errors import ConfigError, DataError, Interrupted
from shadow_mlx.evaluation.answering import answer_all
from shadow_mlx.evaluation.metrics import Metric, metric_for
from shadow_mlx.evaluation.replies import compared, reply_to
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.stamp import files_stamp
from shadow_mlx.files.writing import disk_errors, write_json
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.hub import resolving
from shadow_mlx.notes import note
from shadow_mlx.runs.events import StopToken
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training.starting import check_folder

PLACEHOLDER = "…"
"""Stands for an answer that is missing while a line is read."""

AT_ONCE = 64
"""Questions between two writes."""


@dataclass(frozen=True)
class Written:
    """What became of a file's lines: those that were answered before, those that are now."""

    given: int
    written: int
    left_out: int

    def __str__(self) -> str:
        return (
            f"{self.written:,} answers written, {self.given:,} as they were, "
            f"{self.left_out:,} left out"
        )


class Writer:
    """Writes the answers to one file of prompts.

    Args:
        source: The file.
        columns: Which of its columns hold what.
        asker: Makes questions of its lines, and reads answers.
        options: Which answers are written, and how long they may be.

    Raises:
        DataError: The file cannot be read, or holds plain text, which nobody answers.
    """

    def __init__(
        self, source: Path, columns: ColumnConfig, asker: Asker, options: WritingConfig
    ) -> None:
        self._lines = _Completed(source, columns)
        records = JsonLines(source, columns, self._lines)
        self._records = list(_checked(records))
        if any(record.kind == "text" for record in self._records):
            raise DataError(f"{source}: holds plain text, to which there is no answer to write")
        self._asker = asker
        self._options = options
        self.source = source
        self._metric: Metric | None = None
        if options.answers == "right":
            expected = [compared(self._question(record)) for record in self._records]
            self._metric = metric_for("auto", expected)

    @property
    def questions(self) -> int:
        """Answers that are to be written."""
        return sum(map(self._is_asked, range(len(self._records))))

    def write(
        self,
        target: Path,
        model: Any,
        tokenizer: Any,
        key: str,
        told: Callable[[int, int], None],
        stop: StopToken,
    ) -> Written | None:
        """Write ``target``, or go on writing it; ``None`` where ``stop`` asked to give up.

        Args:
            target: A JSON Lines file of chats. Beside it stands what tells its lines from others.
            model: Who answers.
            tokenizer: As mlx-lm loads it.
            key: What tells this model from others.
            told: Called with the lines that are done and all that there are.
            stop: Looked at between tokens.

        Raises:
            SurroundingsError: The disk refuses.
        """
        facts = {"of": self._key(key)}
        mark = target.with_suffix(".made-from.json")
        done = _whole_lines(target) if _read(mark) == facts else 0
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_json(mark, facts)
            with target.open("r+b" if done else "wb") as file:
                file.truncate(_end_of_line(target, done))
                file.seek(0, os.SEEK_END)
                for start in range(done, len(self._records), AT_ONCE):
                    told(start, len(self._records))
                    numbers = range(start, min(start + AT_ONCE, len(self._records)))
                    lines = self._answered(numbers, model, tokenizer, stop)
                    if lines is None:
                        return None
                    file.write("".join(lines).encode())
                    file.flush()
        told(len(self._records), len(self._records))
        return self._counted(target)

    def _counted(self, target: Path) -> Written:
        kept = sum(bool(line.strip()) for line in target.read_bytes().splitlines())
        given = len(self._records) - self.questions
        return Written(given, kept - given, len(self._records) - kept)

    def _answered(
        self, numbers: range, model: Any, tokenizer: Any, stop: StopToken
    ) -> list[str] | None:
        """The lines of some records, each with its answer; a blank line for one that has none."""
        lines = {i: _line(self._records[i], None) for i in numbers}
        asked = {i: self._question(self._records[i]) for i in numbers if self._is_asked(i)}
        if not asked:
            return list(lines.values())
        found = answer_all(
            model,
            tokenizer,
            list(asked.values()),
            max_tokens=self._options.max_tokens,
            cut=False,
            stop=stop,
        )
        if stop.stopping:
            return None
        for (i, question), answer in zip(asked.items(), found, strict=True):
            reply = reply_to(question, answer or "", self._asker)
            words = reply.words.strip()
            good = words and (self._metric is None or self._metric.right(reply.pair))
            lines[i] = _line(self._records[i], words) if good else "\n"
        return list(lines.values())

    def _is_asked(self, i: int) -> bool:
        return self._options.answers != "missing" or i in self._lines.unanswered

    def _question(self, record: Record) -> Question:
        question = self._asker.question_of(record)
        assert question is not None  # every record ends with an answer, if only a placeholder
        return question

    def _key(self, model: str) -> str:
        content = hashlib.sha256(self.source.read_bytes()).hexdigest()
        facts = (model, content, self._options)
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def with_written_answers(
    config: TrainConfig,
    told: Callable[[int, int], None],
    stop: StopToken | None,
    *,
    overwrite: bool = False,
) -> TrainConfig:
    """The run's options, with data whose answers its teacher has written, if any are to be written.

    They lie in ``answers`` below the run's folder, which is held meanwhile, as a run holds it.

    Args:
        config: The run's options, of which some say what is written.
        told: Called with the lines that are done and all that there are.
        stop: Looked at between tokens.
        overwrite: Whether the run may give up another one in its folder.

    Raises:
        ConfigError: There are no data.
        InputError: The data, the adapter or its backbone cannot be used, or the folder is taken.
        SurroundingsError: The disk refuses.
        Interrupted: ``stop`` asked for it; what was written by then is kept.
    """
    assert config.teacher is not None
    options, run = config.part(WritingConfig), RunFolder(Path(config.adapter_path).absolute())
    if not config.data:
        raise ConfigError("--data: name prompts (a .jsonl file or a folder), answered or not")
    stop = stop or StopToken()
    trusted = config.trust_remote_code
    name = loading.backbone_name(config.model, config.teacher, trust_remote_code=trusted)
    folder = resolving.resolve_model(str(name), trust_remote_code=trusted)
    tokenizer = loading.load_tokenizer(folder, trust_remote_code=trusted)
    asker = Asker(ChatFormat(tokenizer, config.template))
    files = locate(config.data)
    writers = {
        split: Writer(path, config.columns, asker, options)
        for split, path in (("train", files.train), ("valid", files.valid))
        if path is not None
    }
    config = dataclasses.replace(config, answers="given")  # from here on
    if not any(writer.questions for writer in writers.values()):
        return config
    if mx.distributed.init().size() > 1:
        raise ConfigError(
            "--answers: several processes cannot write one file of answers; have one process write "
            "them first, and name the folder that it leaves as --data"
        )
    # before the long part: what the run would refuse then
    check_folder(run, resume=False, overwrite=overwrite)
    place = Path(config.adapter_path) / "answers"
    with run.lock():
        model = loading.load_model(name, config.teacher, trust_remote_code=trusted)
        for split, writer in writers.items():
            target = place / f"{split}.jsonl"
            stamp = files_stamp(str(config.teacher))
            counts = writer.write(target, model, tokenizer, stamp, told, stop)
            if counts is None:
                raise Interrupted(
                    f"stopped; the answers written so far are kept in {target}, and the same "
                    "command goes on with them"
                )
            if not counts.given + counts.written:
                raise DataError(
                    f"{writer.source}: none of {counts.left_out:,} answers was right, or ended "
                    f"within --max-tokens {options.max_tokens}; there is nothing to learn from"
                )
            note(f"{split}: {counts}")
    as_chats = ColumnConfig().to_mapping()
    return dataclasses.replace(config, data=str(place), **as_chats)


class _Completed(LineIndex):
    """Lines of which those without an answer have got a placeholder.

    Attributes:
        unanswered: Their indices, as far as lines were read.
    """

    def __init__(self, path: Path, columns: ColumnConfig) -> None:
        super().__init__(path)
        self.unanswered: set[int] = set()
        self._chat = columns.chat_feature or "messages"
        self._prompts = (columns.prompt_feature or "prompt").split(",")
        self._completion = columns.completion_feature or "completion"

    def read(self, i: int) -> bytes:
        """Line ``i``; what is no JSON object stays as it is, to be refused."""
        raw = super().read(i)
        try:
            value = json.loads(raw)
        except ValueError:
            return raw
        if not isinstance(value, dict) or not self._complete(value):
            return raw
        self.unanswered.add(i)
        return json.dumps(value).encode()

    def _complete(self, value: dict[str, Any]) -> bool:
        """Put a placeholder where an answer is missing; whether one was."""
        messages = value.get(self._chat)
        if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
            if messages[-1].get("role") not in ("user", "tool"):
                return False
            messages.append({"role": "assistant", "content": PLACEHOLDER})
            return True
        if self._completion not in value and any(name in value for name in self._prompts):
            value[self._completion] = PLACEHOLDER
            return True
        return False


def _checked(records: JsonLines) -> Iterator[Record]:
    """All records, or all that is wrong with them."""
    problems: list[Problem] = []
    for i in range(len(records)):
        try:
            record = records[i]
        except InvalidDataError as error:
            problems += error.problems
        else:
            yield record
    if problems:
        raise InvalidDataError(problems)


def _line(record: Record, answer: str | None) -> str:
    """The record as a chat, with ``answer`` for its last turn if there is one."""
    messages = [dict(message) for message in record.messages]
    if answer is not None:
        messages[-1] = {"role": "assistant", "content": answer}
    beside = {"tools": record.tools, OPTIONS: record.options}
    kept = {name: value for name, value in beside.items() if value}
    return json.dumps({"messages": messages, **kept}, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_object(path)
    except (OSError, JsonFileError):
        return {}


def _whole_lines(path: Path) -> int:
    """Lines of a file that end."""
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _end_of_line(path: Path, count: int) -> int:
    """Where line ``count`` ends, in bytes."""
    end = 0
    with path.open("rb") as file:
        for _ in range(count):
            end += len(file.readline())
    return end
