"""What nobody reads is lost, and no command ends or fails because of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shadow_mlx.runs.events import RunEnded, from_json
from shadow_mlx.runs.folder import RunFolder
from tests.training.conftest import write_chats

TALKS = """
import sys
from shadow_mlx.cli.streams import protect_streams
protect_streams()
for i in range(3000):
    print("a line that a person may read", i, file=sys.stderr)
sys.stderr.write("and no end of a line")
sys.stderr.flush()
with open(sys.argv[1], "w") as file:
    file.write("done")
"""


def vanished() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def terminal_gone() -> int:
    """A terminal whose other side was closed."""
    master, slave = os.openpty()
    os.close(master)
    return slave


def not_taking() -> int:
    """Another program made the pipe one that does not wait; its reader takes nothing."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    KEPT.append(reading)
    return writing


KEPT: list[int] = []
BROKEN = [vanished, full, terminal_gone, not_taking]
if not Path("/dev/full").exists():  # macOS
    BROKEN.remove(full)


@pytest.mark.parametrize("make", [vanished, full, terminal_gone])
def test_printing_to_a_broken_stderr_is_no_error(tmp_path: Path, make: Callable[[], int]) -> None:
    stderr = make()
    done = tmp_path / "done"
    ended = subprocess.run([sys.executable, "-c", TALKS, str(done)], stderr=stderr, check=False)
    os.close(stderr)
    assert (ended.returncode, done.read_text()) == (0, "done")


CLOSED = """
import os, sys
names = ("stdin", "stdout", "stderr")
for name in sys.argv[2:]:
    setattr(sys, name, None)
    os.close(names.index(name))
from shadow_mlx.cli.streams import protect_streams
protect_streams()
with open(sys.argv[1], "w") as file:
    assert file.fileno() > 2
    print("lost", file=sys.stderr, flush=True)
    try:
        print("lost", flush=True)
    except OSError:
        os.dup2(2, 1)
    else:
        if "stderr" not in sys.argv:
            sys.exit("a closed stdout took it")
    os.write(2, b"lost")
    file.write("done")
"""


@pytest.mark.parametrize("closed", [["stdin", "stdout"], ["stdin", "stdout", "stderr"]])
def test_what_was_closed_takes_no_file_of_ours(tmp_path: Path, closed: list[str]) -> None:
    """What is printed to a closed stdout is an error, but not of a service without any stream."""
    done = tmp_path / "done"
    ended = subprocess.run([sys.executable, "-c", CLOSED, str(done), *closed], check=False)
    assert (ended.returncode, done.read_text()) == (0, "done")


def command(tiny_backbone: Path, folder: Path, iters: int, *more: str) -> list[str]:
    data = write_chats(folder / "chats.jsonl", 24)
    options = {
        "--model": tiny_backbone,
        "--data": data,
        "--adapter-path": folder / "run",
        "--iters": iters,
        "--batch-size": 4,
        "--rank": 4,
        "--steps-per-report": 1,
        "--val-batches": 0,
        "--save-every": 100_000,
    }
    flags = [str(part) for pair in options.items() for part in pair]
    return [sys.executable, "-m", "shadow_mlx", "train", *flags, *more]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_whose_reader_vanished_saves_when_it_is_stopped(
    tmp_path: Path, tiny_backbone: Path, number: signal.Signals
) -> None:
    """``train … 2>&1 | tee log`` and Ctrl-C, which ends ``tee`` too."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        command(tiny_backbone, tmp_path, 100_000), stdout=writing, stderr=writing
    )
    os.close(writing)
    with os.fdopen(reading) as reader:
        for line in reader:
            if line.startswith("step 3/"):
                break
    process.send_signal(number)
    assert process.wait(timeout=60) == 130
    run = RunFolder(tmp_path / "run")
    (step,) = run.saved_steps()
    last = from_json(run.events.read_text(encoding="utf-8").splitlines()[-1])
    assert isinstance(last, RunEnded)
    assert (last.reason, last.step) == ("stopped", step)
    assert step >= 3


@pytest.mark.parametrize("make", [one for one in BROKEN if one is not vanished])
def test_a_run_without_a_stderr_comes_to_its_end(
    tmp_path: Path, tiny_backbone: Path, make: Callable[[], int]
) -> None:
    stderr = make()
    ended = subprocess.run(
        command(tiny_backbone, tmp_path, 3, "--json"),
        stdout=subprocess.PIPE,
        stderr=stderr,
        check=False,
    )
    os.close(stderr)
    while KEPT:
        os.close(KEPT.pop())
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["step"] == 3


@pytest.mark.parametrize("make", [one for one in BROKEN if one in (vanished, full)])
def test_figures_that_cannot_be_printed_are_told_by_the_exit_code(
    tmp_path: Path, tiny_backbone: Path, make: Callable[[], int]
) -> None:
    stdout = make()
    ended = subprocess.run(
        command(tiny_backbone, tmp_path, 1, "--json"),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(stdout)
    assert ended.returncode == {vanished: 141, full: 3}[make]
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr
    assert RunFolder(tmp_path / "run").saved_steps() == [1]


@pytest.mark.parametrize("arguments", [["info", "--json"], ["--version"], ["chat", "--help"]])
@pytest.mark.parametrize("output", [">&-", "> /dev/full"])
def test_what_a_command_cannot_print_is_an_error(arguments: list[str], output: str) -> None:
    if "full" in output and full not in BROKEN:
        pytest.skip("there is no /dev/full")
    ended = subprocess.run(
        ["sh", "-c", f'"$0" -m shadow_mlx "$@" {output}', sys.executable, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    (said,) = ended.stderr.splitlines()
    assert ended.returncode == 3
    assert (
        said
        == {
            ">&-": "shadow-mlx: stdout is closed: what was to be printed is lost",
            "> /dev/full": "shadow-mlx: disk: No space left on device",
        }[output]
    )
