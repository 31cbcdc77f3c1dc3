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
from typing import Any, Literal

from shadow_mlx import loading
from shadow_mlx.checkpoints.record import PEFT_FILES
from shadow_mlx.config import ColumnConfig, TrainConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.lines import LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError, Problem
from shadow_mlx.data.reading.records import JsonLines, Record
from shadow_mlx.data.reading.sources import locate
from shadow_mlx.errors import ConfigError, DataError, Interrupted
from shadow_mlx.evaluation.answering import answer_all
from shadow_mlx.evaluation.metrics import exact_match
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.writing import disk_errors, write_json
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.hub import resolving
from shadow_mlx.notes import note
from shadow_mlx.runs.events import StopToken

Which = Literal["missing", "all", "right"]
"""Answers that are written: where there are none; everywhere; everywhere, and kept where they are
those of the file."""

PLACEHOLDER = "…"
"""Stands for an answer that is missing while a line is read."""

AT_ONCE = 64
"""Questions between two writes."""


@dataclass
class Written:
    """What became of a file's lines."""

    given: int = 0
    written: int = 0
    left_out: int = 0


class Writer:
    """Writes the answers to one file of prompts.

    Args:
        source: The file.
        columns: Which of its columns hold what.
        asker: Makes questions of its lines, and reads answers.
        which: Which answers are written.
        max_tokens: Longest answer; one that is longer is left out.

    Raises:
        DataError: The file cannot be read, or holds plain text, which nobody answers.
    """

    def __init__(
        self, source: Path, columns: ColumnConfig, asker: Asker, which: Which, max_tokens: int
    ) -> None:
        self._lines = _Completed(LineIndex(source))
        records = JsonLines(source, columns, self._lines)
        self._records = list(_checked(records))
        if any(record.kind == "text" for record in self._records):
            raise DataError(f"{source}: holds plain text, to which there is no answer to write")
        self._asker = asker
        self._which = which
        self._max_tokens = max_tokens
        self._source = source

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
        counts = Written()
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_json(mark, facts)
            with target.open("r+b" if done else "wb") as file:
                file.truncate(_end_of_line(target, done))
                file.seek(0, os.SEEK_END)
                for start in range(done, len(self._records), AT_ONCE):
                    told(start, len(self._records))
                    numbers = range(start, min(start + AT_ONCE, len(self._records)))
                    lines = self._answered(numbers, model, tokenizer, counts, stop)
                    if lines is None:
                        return None
                    file.write("".join(lines).encode())
                    file.flush()
        told(len(self._records), len(self._records))
        return counts

    def _answered(
        self, numbers: range, model: Any, tokenizer: Any, counts: Written, stop: StopToken
    ) -> list[str] | None:
        """The lines of some records, each with its answer; a blank line for one that has none."""
        asked = {i: self._question(self._records[i]) for i in numbers if self._is_asked(i)}
        answers = dict.fromkeys(numbers, "")
        if asked:
            found = answer_all(
                model,
                tokenizer,
                list(asked.values()),
                max_tokens=self._max_tokens,
                cut=False,
                stop=stop,
            )
            if stop.stopping:
                return None
            for i, answer in zip(asked, found, strict=True):
                answers[i] = self._asker.read(answer or "", asked[i]).words.strip()
        lines, strict = [], self._which == "right"
        for i in numbers:
            record = self._records[i]
            expected = str(record.messages[-1].get("content") or "")
            if i not in asked:
                counts.given += 1
                lines.append(_line(record, None))
            elif not answers[i] or (strict and not exact_match(answers[i], expected)):
                counts.left_out += 1
                lines.append("\n")
            else:
                counts.written += 1
                lines.append(_line(record, answers[i]))
        return lines

    def _is_asked(self, i: int) -> bool:
        return self._which != "missing" or i in self._lines.unanswered

    def _question(self, record: Record) -> Question:
        question = self._asker.question_of(record)
        assert question is not None  # every record ends with an answer, if only a placeholder
        return question

    def _key(self, model: str) -> str:
        content = hashlib.sha256(self._source.read_bytes()).hexdigest()
        facts = (model, content, self._which, self._max_tokens)
        return hashlib.sha256(repr(facts).encode()).hexdigest()


def with_written_answers(
    config: TrainConfig,
    which: Which,
    max_tokens: int,
    told: Callable[[int, int], None],
    stop: StopToken | None,
) -> TrainConfig:
    """The run's options, with data whose answers its teacher has written, if any are to be written.

    They lie in ``answers`` below the run's folder.

    Raises:
        ConfigError: There are no data.
        InputError: The data, the adapter or its backbone cannot be used.
        SurroundingsError: The disk refuses.
        Interrupted: ``stop`` asked for it; what was written by then is kept.
    """
    assert config.teacher is not None
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
        split: Writer(path, config.columns, asker, which, max_tokens)
        for split, path in (("train", files.train), ("valid", files.valid))
        if path is not None
    }
    if not any(writer.questions for writer in writers.values()):
        return config
    model = loading.load_model(name, config.teacher, trust_remote_code=trusted)
    place = Path(config.adapter_path) / "answers"
    for split, writer in writers.items():
        target = place / f"{split}.jsonl"
        counts = writer.write(target, model, tokenizer, _digest(config.teacher), told, stop)
        if counts is None:
            raise Interrupted(f"stopped; the answers written so far are kept in {target}")
        if not counts.given + counts.written and counts.left_out:
            raise DataError(
                f"{files.train}: none of {counts.left_out:,} answers was right, or ended within "
                f"--max-tokens {max_tokens}; there is nothing to learn from"
            )
        note(
            f"{split}: {counts.written:,} answers written, {counts.given:,} as they were, "
            f"{counts.left_out:,} left out"
        )
    as_chats = ColumnConfig().to_mapping()
    return dataclasses.replace(config, data=str(place), **as_chats)


def _digest(adapter: str) -> str:
    """What tells an adapter's weights from others."""
    file = Path(adapter) / PEFT_FILES.weights
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else adapter


class _Completed(LineIndex):
    """Lines of which those without an answer have got a placeholder.

    Attributes:
        unanswered: Their indices, as far as lines were read.
    """

    def __init__(self, lines: LineIndex) -> None:
        super().__init__(lines.path)
        self.unanswered: set[int] = set()

    def read(self, i: int) -> bytes:
        """Line ``i``; what is no JSON object stays as it is, to be refused."""
        raw = super().read(i)
        try:
            value = json.loads(raw)
        except ValueError:
            return raw
        if not isinstance(value, dict) or not _complete(value):
            return raw
        self.unanswered.add(i)
        return json.dumps(value).encode()


def _complete(value: dict[str, Any]) -> bool:
    """Put a placeholder where an answer is missing; whether one was."""
    messages = value.get("messages")
    if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
        if messages[-1].get("role") not in ("user", "tool"):
            return False
        messages.append({"role": "assistant", "content": PLACEHOLDER})
        return True
    if "prompt" in value and "completion" not in value:
        value["completion"] = PLACEHOLDER
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
    tools = {"tools": list(record.tools)} if record.tools else {}
    return json.dumps({"messages": messages, **tools}, ensure_ascii=False) + "\n"


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
