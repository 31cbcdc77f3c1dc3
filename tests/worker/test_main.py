"""The worker's loop in a process of its own: what goes wrong is a reply, and it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker import reading
from shadow_mlx.worker.__main__ import Worker

BROKEN = """
import runpy, sys
from shadow_mlx.worker import reading
def broken(request, send, stop):
    yield from ()
    raise ZeroDivisionError("nobody foresaw it")
reading.serve = broken
sys.argv = ["worker"]
runpy.run_module("shadow_mlx.worker", run_name="__main__")
"""


def last_replies(program: list[str], *requests: m.Request) -> dict[int, m.Reply]:
    """What ends each request, by its number; the asking side stays until all have ended."""
    found: dict[int, m.Reply] = {}
    with subprocess.Popen(
        [sys.executable, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for request in requests:
            process.stdin.write(m.encode(request))
        process.stdin.flush()
        while len(found) < len(requests):
            reply = m.decode(process.stdout.readline())
            if isinstance(reply, m.Reply) and m.is_final(reply):
                found[reply.id] = reply
        process.stdin.close()
    return found


def test_what_nobody_foresaw_is_told_and_the_worker_goes_on(tmp_path: Path) -> None:
    path = str(tmp_path / "d.jsonl")
    asked = [m.ReadPage(1, path, 0, 1), m.Check(2, path), m.ReadPage(3, path, 0, 1)]
    told = last_replies(["-c", BROKEN], *asked)
    for number in (1, 2, 3):  # the second one in the background
        failed = told[number]
        assert isinstance(failed, m.Failed)
        assert failed.bug
        assert failed.message == "ZeroDivisionError: nobody foresaw it"


def test_what_is_wrong_with_a_request_is_no_bug(tmp_path: Path) -> None:
    request = m.ReadPage(1, str(tmp_path / "no"), 0, 1)
    reply = last_replies(["-m", "shadow_mlx.worker"], request)[1]
    assert isinstance(reply, m.Failed)
    assert not reply.bug


def test_a_text_with_a_label_is_seen_as_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "I love it", "label": 1}\n{"text": "a", "label": 5}\n')
    names = "dataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n"
    (tmp_path / "README.md").write_text(f"---\n{names}        names: [bad, good]\n---\n")
    request = m.ReadPage(1, str(path), 0, 2)
    (page,) = reading.serve(request, lambda reply: None, StopToken())
    assert isinstance(page, m.Page)
    first, second = page.records
    assert (first.kind, first.parts) == ("label", [("user", "I love it"), ("assistant", "good")])
    assert "one of the labels that README.md names" in second.problem


def test_a_job_in_the_background_that_fails_ends_alone() -> None:
    reading, writing = os.pipe()
    worker = Worker(writing)
    worker._slices = {2: failing(), 3: iter([m.Done(3)])}
    for _ in range(3):
        worker._advance()
    first, second = map(m.decode, os.read(reading, 4096).splitlines())
    assert isinstance(first, m.Failed)
    assert (first.id, first.bug) == (2, True)
    assert second == m.Done(3)
    assert worker._slices == {}
    worker._out.close()
    os.close(reading)


def failing() -> Iterator[m.Reply]:
    yield from ()
    raise ZeroDivisionError("nobody foresaw it")
