"""A run lives as long as a process that exists holds its lock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.listing import find_runs, summarise
from shadow_mlx.runs.live import is_live, process_of, send
from shadow_mlx.runs.trash import Trash
from tests.runs.fake_run import story, write_story

LOCKS: list[bytes] = [
    b"", b"\n", b"0", b"-1", b"1e3", b"9" * 19, b"9" * 21, b"9" * 5000, b"4294967296",
    b"\xff\xfe", b"\x00" * 64, "٣".encode(), b"1_0", b"pid: 7", b"x" * 10**6, b"+5", b"7 8",
]  # fmt: skip


@pytest.mark.parametrize("content", LOCKS)
def test_a_lock_that_names_no_process_is_no_life(tmp_path: Path, content: bytes) -> None:
    folder = write_story(tmp_path / "run", story()[:6])
    (RunFolder(folder).lock_file).write_bytes(content)
    assert not is_live(folder)
    assert not send(folder, "stop")
    assert summarise(folder).status == "interrupted"


def test_a_run_that_lives_is_not_discarded(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", story()[:6])
    with RunFolder(folder).lock():
        assert process_of(folder) == os.getpid()
        assert summarise(folder).status == "running"
        with pytest.raises(InputError, match="still at work"):
            Trash().discard(folder)
    assert not is_live(folder)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", [])
    run = RunFolder(folder)
    run.events.unlink()
    for path in (run.events, run.lock_file):
        os.mkfifo(path)
    assert find_runs((), tmp_path) == [folder.resolve()]
    assert summarise(folder).status == "empty"
    assert not send(folder, "stop")
