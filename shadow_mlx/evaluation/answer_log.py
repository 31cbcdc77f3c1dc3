"""The answers of a comparison on disk, as they come: what a stopped one goes on from.

One JSON object a line: what the comparison is of; each contender, with its files; then what was
measured of it and what it has answered. Scores are not kept: they are made of the answers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shadow_mlx.errors import InputError
from shadow_mlx.evaluation.answering import Speed
from shadow_mlx.evaluation.contenders import Contender
from shadow_mlx.files.declared import UnfitError, build
from shadow_mlx.files.json_files import JsonFileError, parse_object
from shadow_mlx.files.line_log import LineLog
from shadow_mlx.files.writing import write_text

FORMAT = 1


@dataclass(frozen=True)
class Measured:
    """What was measured of a contender before it was asked everything.

    Attributes:
        loss: Mean cross entropy in nats a supervised token.
        speed: Of one question alone.
        seconds: How long both took.
    """

    loss: float
    speed: Speed
    seconds: float

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Measured:
        """What ``dataclasses.asdict`` made of one, as JSON hands it on."""
        speed = build(Speed, values["speed"])
        return cls(float(values["loss"]), speed, float(values["seconds"]))


@dataclass
class Past:
    """What a log holds of one contender.

    Attributes:
        number: Its number in the log.
        files: Tells its files from any others.
        measured: ``None`` where it was stopped before.
        answers: By line of the data, as the model gave them.
        seconds: How long they took.
    """

    number: int
    files: str
    measured: Measured | None = None
    answers: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Past:
        """What ``dataclasses.asdict`` made of one, as JSON hands it on."""
        measured = values["measured"]
        return cls(
            int(values["number"]),
            str(values["files"]),
            None if measured is None else Measured.from_mapping(measured),
            {int(line): str(answer) for line, answer in values["answers"].items()},
            float(values["seconds"]),
        )


class AnswerLog:
    """The answers of one comparison, written as they come; before the first there is no new file.

    Args:
        path: The file; ``None`` for a log that is kept nowhere.
        test: What is asked of everybody: plain values that are equal for equal tests.
        resume: Go on with what is there.

    Raises:
        InputError: There is nothing to go on with, or it is of other data or options; or, without
            ``resume``, the file is no log, or holds answers of a comparison that was stopped.
        SurroundingsError: The disk refuses.
    """

    def __init__(self, path: Path | None, test: Mapping[str, Any], resume: bool = False) -> None:
        self.path = path
        self._past: dict[str, Past] = {}
        self._finished = False
        self._log: LineLog | None = None
        self._head = json.loads(json.dumps({"comparison": FORMAT, "test": test}))
        self._fresh = not resume
        if path is not None and resume:
            self._go_on(path)
        elif path is not None:
            self._begin(path)
        elif resume:
            raise InputError("--resume: needs the place of the answers (--report)")

    def _begin(self, path: Path) -> None:
        if path.exists() or path.is_symlink():
            self._read(path, None)
            if not self._finished and any(past.answers for past in self._past.values()):
                raise InputError(
                    f"{path}: holds the answers of a comparison that was stopped; --resume goes on "
                    "with it. Remove the file to begin anew, or give the report another name"
                )
            self._past = {}

    def _go_on(self, path: Path) -> None:
        if not path.exists():
            raise InputError(f"{path}: not there; --resume goes on with a comparison that left it")
        self._read(path, self._head["test"])

    def past(self, one: Contender, model: str, files: str) -> Past:
        """What is there of a contender, which is begun where nothing is.

        Args:
            one: The contender.
            model: The folder of its model.
            files: Tells its files from any others.

        Raises:
            InputError: Its files have changed.
        """
        place = _place(one, model)
        known = self._past.get(place)
        if known is not None and known.files != files:
            raise InputError(
                f"{self.path}: the files of {one.name} have changed since its answers were given; "
                "to measure them, leave --resume out and give the report another name"
            )
        if known is None:
            known = self._past[place] = Past(len(self._past), files)
            self._write(contender=known.number, name=one.name, place=place, files=files)
        return known

    def measured(self, past: Past, measured: Measured) -> None:
        """Keep what was measured of a contender."""
        past.measured = measured
        self._write(contender=past.number, measured=dataclasses.asdict(measured))

    def answered(self, past: Past, line: int, answer: str, seconds: float) -> None:
        """Keep an answer.

        Args:
            past: Whose it is.
            line: The line of its question.
            answer: As the model gave it.
            seconds: How long all answers of this contender have taken by now.
        """
        past.answers[line], past.seconds = answer, seconds
        self._write(contender=past.number, line=line, answer=answer, seconds=seconds)

    def finish(self) -> None:
        """Say that everything was measured."""
        self._write(finished=True)

    def close(self) -> None:
        """Close the file."""
        if self._log is not None:
            self._log.close()

    def _write(self, **values: Any) -> None:
        if self.path is None:
            return
        if self._log is None:
            if self._fresh:
                write_text(self.path, json.dumps(self._head) + "\n")
            self._log = LineLog(self.path)
        self._log.write(json.dumps(values))

    def _read(self, path: Path, test: Mapping[str, Any] | None) -> None:
        """Read the whole lines; ``test`` is what must have been asked, or ``None``."""
        try:
            lines = path.read_bytes().split(b"\n")[:-1]  # the last one is empty, or torn
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        if not lines or "comparison" not in (head := _object(path, lines[0], 1)):
            raise InputError(f"{path}: no log of a comparison; move it away")
        if test is not None:
            if head["comparison"] != FORMAT:
                raise InputError(f"{path}: written by another version of this program")
            _check_same(path, head.get("test"), test)
        by_number: dict[int, Past] = {}
        for number, raw in enumerate(lines[1:], start=2):
            values = _object(path, raw, number)
            try:
                self._take(values, by_number)
            except (KeyError, TypeError, ValueError, UnfitError) as error:
                raise InputError(f"{path}: line {number}: damaged ({error!r})") from None

    def _take(self, values: dict[str, Any], by_number: dict[int, Past]) -> None:
        if "finished" in values:
            self._finished = True
            return
        self._finished = False  # somebody was added later
        number = int(values["contender"])
        if "place" in values:
            past = Past(number, str(values["files"]))
            self._past[str(values["place"])] = by_number[number] = past
            return
        past = by_number[number]
        if "measured" in values:
            past.measured = Measured.from_mapping(values["measured"])
        else:
            past.answers[int(values["line"])] = str(values["answer"])
            past.seconds = float(values["seconds"])


def log_path(report: str | Path) -> Path:
    """Where the answers of a comparison are kept: beside its report."""
    return Path(report).with_suffix(".answers.jsonl")


def _place(one: Contender, model: str) -> str:
    """What tells a contender from others, whatever it is called in one comparison."""
    own = "" if one.folder is None else str(Path(one.folder).resolve())
    return json.dumps([one.mode, str(Path(model).resolve()), own])


def _check_same(path: Path, before: Any, now: Mapping[str, Any]) -> None:
    before = before if isinstance(before, dict) else {}
    differing = [
        f"{name}: {before.get(name)!r} then, {value!r} now"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if differing:
        told = "\n".join(f"  {line}" for line in differing)
        raise InputError(f"{path}: --resume goes on with the same data and options only:\n{told}")


def _object(path: Path, raw: bytes, number: int) -> dict[str, Any]:
    try:
        return parse_object(raw)
    except JsonFileError as error:
        raise InputError(f"{path}: line {number}: {error}") from None
