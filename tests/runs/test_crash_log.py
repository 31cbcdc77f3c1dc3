"""The trace of a sudden end, left by processes that are really ended so."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shadow_mlx.runs.crash_log import Crash, crash_noted, crash_of
from shadow_mlx.runs.folder import RunFolder

BLOCK = """
import faulthandler, os, sys
from pathlib import Path
from shadow_mlx.runs.crash_log import crash_noted
from shadow_mlx.runs.folder import RunFolder
{before}
with crash_noted(RunFolder(Path(sys.argv[1]))):
    {within}
assert not faulthandler.is_enabled()
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path)


def ran(folder: RunFolder, within: str, before: str = "") -> int:
    """The exit code of a process that does something within the block."""
    code = BLOCK.format(within=within, before=before)
    done = subprocess.run([sys.executable, "-c", code, str(folder.path)], stderr=subprocess.DEVNULL)
    return done.returncode


@pytest.mark.parametrize(
    "number",
    [signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE],
)
def test_a_fatal_signal_leaves_its_name(folder: RunFolder, number: signal.Signals) -> None:
    assert ran(folder, f"os.kill(os.getpid(), {int(number)})") == -number
    assert crash_of(folder) == Crash(int(number))
    assert 'File "<string>"' in folder.crash.read_text()  # where it was


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(130)"])
def test_a_process_without_time_for_a_word_leaves_an_empty_file(
    folder: RunFolder, end: str
) -> None:
    assert ran(folder, end) != 0
    assert crash_of(folder) == Crash(None)


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("raise SystemExit(3)", 3), ("1 / 0", 1)])
def test_an_end_that_python_sees_leaves_nothing_not_even_the_last_trace(
    folder: RunFolder, end: str, code: int
) -> None:
    folder.crash.write_text("Fatal Python error: Aborted\n")
    assert ran(folder, end) == code
    assert crash_of(folder) is None
    assert list(folder.run.iterdir()) == []


def test_who_wants_the_handler_elsewhere_keeps_it(folder: RunFolder) -> None:
    within = "assert faulthandler.is_enabled(); os.kill(os.getpid(), 6)"
    folder.crash.write_text("Fatal Python error: Segmentation fault\n")
    assert ran(folder, within, before="faulthandler.enable()") == -signal.SIGABRT
    assert crash_of(folder) is None


def test_what_cannot_be_written_keeps_no_run_from_its_work(folder: RunFolder) -> None:
    folder.run.rmdir()
    assert ran(folder, "pass") == 0
    folder.run.mkdir()
    folder.crash.symlink_to(folder.path / "elsewhere")
    assert ran(folder, "os.kill(os.getpid(), 6)") == -signal.SIGABRT
    assert not (folder.path / "elsewhere").exists()


@pytest.mark.parametrize("said", ["anything", "Fatal Python error: Stack overflow\n", "\xff\0"])
def test_what_names_no_signal_is_sudden_all_the_same(folder: RunFolder, said: str) -> None:
    folder.crash.write_text(said, encoding="latin-1")
    assert crash_of(folder) == Crash(None)


def test_within_these_tests_the_handler_is_pytests(folder: RunFolder) -> None:
    with crash_noted(folder):
        assert not folder.crash.exists()
