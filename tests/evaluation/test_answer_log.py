from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.evaluation.answer_log import AnswerLog, Measured, log_path
from shadow_mlx.evaluation.answering import Speed
from shadow_mlx.evaluation.contenders import Contender

BASE = Contender("base", "base", None)
ATTACHED = Contender("attached", "attached", "adapters")
TEST: dict[str, Any] = {"data": "digest", "limit": None, "modes": ("base",)}
MEASURED = Measured(math.inf, Speed(1.0, 2.0, 0.5, 1000), 3.0)


def begun(path: Path, *, finished: bool = False) -> bytes:
    """A log with one contender that has answered twice."""
    log = AnswerLog(path, TEST)
    past = log.past(BASE, "model", "files")
    log.measured(past, MEASURED)
    log.answered(past, 1, "one\n\ud800", 0.5)
    log.answered(past, 3, "three", 1.5)
    if finished:
        log.finish()
    log.close()
    return path.read_bytes()


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.answers.jsonl"
    begun(path)
    log = AnswerLog(path, TEST, resume=True)
    past = log.past(BASE, "model", "files")
    assert past.measured == MEASURED
    assert past.answers == {1: "one\n\ud800", 3: "three"}
    assert past.seconds == 1.5
    fresh = log.past(ATTACHED, "model", "files")
    assert (fresh.measured, fresh.answers, fresh.number) == (None, {}, 1)
    log.answered(fresh, 1, "new", 0.1)
    log.close()
    again = AnswerLog(path, TEST, resume=True)
    assert again.past(ATTACHED, "model", "files").answers == {1: "new"}
    again.close()


def test_a_contender_is_known_by_its_files_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "log"
    begun(path)
    log = AnswerLog(path, TEST, resume=True)
    renamed = Contender("base sprout", "base", "adapters")
    assert log.past(renamed, "model", "files").answers
    assert not log.past(renamed, "another model", "files").answers
    with pytest.raises(InputError, match="the files of base sprout have changed"):
        log.past(renamed, "model", "other files")
    log.close()


def test_another_test_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log"
    begun(path)
    with pytest.raises(InputError, match="limit: None then, 5 now") as raised:
        AnswerLog(path, {**TEST, "limit": 5}, resume=True)
    assert "data" not in str(raised.value).partition("\n")[2]


def test_answers_of_a_stopped_comparison_are_not_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "log"
    before = begun(path)
    with pytest.raises(InputError, match="--resume goes on with it"):
        AnswerLog(path, TEST)
    assert path.read_bytes() == before
    path.unlink()
    begun(path, finished=True)
    log = AnswerLog(path, TEST)
    assert path.read_bytes().count(b"\n") == 6  # it stays until there is something new
    log.past(BASE, "model", "files")
    log.close()
    assert path.read_bytes().count(b"\n") == 2


def test_what_fails_at_once_leaves_no_file(tmp_path: Path) -> None:
    AnswerLog(tmp_path / "log", TEST).close()
    assert not (tmp_path / "log").exists()


def test_nothing_is_resumed_from_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there"):
        AnswerLog(tmp_path / "log", TEST, resume=True)
    with pytest.raises(InputError, match="--report"):
        AnswerLog(None, TEST, resume=True)


def test_a_torn_line_is_forgotten_and_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(begun(path)[:-9])
    log = AnswerLog(path, TEST, resume=True)
    past = log.past(BASE, "model", "files")
    assert past.answers.keys() == {1}
    log.answered(past, 3, "again", 2.0)
    log.close()
    assert [json.loads(line)["contender"] for line in path.read_bytes().splitlines()[1:]] == [0] * 4


@pytest.mark.parametrize(
    "line",
    [
        b"no json", b"[]", b"{}", b'{"contender": 7, "line": 1, "answer": ""}',
        b'{"contender": 0, "measured": {"loss": 1}}',
        b'{"contender": 0, "measured": {"loss": 1, "seconds": 1, "speed": {"prompt_tps": "a"}}}',
        b'{"contender": 0, "measured": []}', b'{"contender": null}', b"\xff",
    ],
)  # fmt: skip
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(begun(path) + line + b"\n")
    with pytest.raises(InputError, match="line 6: "):
        AnswerLog(path, TEST, resume=True)


@pytest.mark.parametrize("content", [b"", b"my own notes\n", b'{"messages": []}\n'])
def test_a_file_of_somebody_else_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    for resume in (False, True):
        with pytest.raises(InputError, match=r"no log of a comparison|not valid JSON"):
            AnswerLog(path, TEST, resume=resume)
    assert path.read_bytes() == content


def test_kept_nowhere_it_still_remembers() -> None:
    log = AnswerLog(None, TEST)
    past = log.past(BASE, "model", "files")
    log.answered(past, 1, "one", 0.5)
    assert log.past(BASE, "model", "files").answers == {1: "one"}
    log.finish()
    log.close()


def test_the_log_stands_beside_the_report() -> None:
    assert log_path("out/report.html") == Path("out/report.answers.jsonl")
