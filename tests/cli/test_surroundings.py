"""Whatever the process runs in: it works, or says in one message what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = f"exec {sys.executable} -m shadow_mlx"
NARROW = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
HELLO = f"{RUN} generate --base --model sprout -m 1"


def shell(
    command: str, folder: Path, *, without: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command line in a folder; the package is found from there."""
    root = str(Path(__file__).parents[2])
    values = {**os.environ, "PYTHONPATH": root, **environment}
    values.pop(without, None)
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=values, capture_output=True, encoding="utf-8",
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("command", "environment", "says"),
    [
        ("mkdir gone; cd gone; rmdir ../gone; {} info", {}, "the folder that you are in"),
        ("{} info", {"TMPDIR": "/no/such"}, "TMPDIR /no/such: there is no such folder"),
        ("{} info", {"TMPDIR": __file__}, "there is no such folder"),
        ("ulimit -n 20; {} info", {}, "this process may open 20 files"),
    ],
    ids=["working folder", "no TMPDIR", "TMPDIR a file", "open files"],
)
def test_what_is_missing_is_told(
    command: str, environment: dict[str, str], says: str, tmp_path: Path
) -> None:
    done = shell(command.format(RUN), tmp_path, **environment)
    assert done.returncode == 3
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_that_the_locale_cannot_hold_is_told(tmp_path: Path) -> None:
    (tmp_path / "dät.jsonl").write_text('{"text": "a"}\n')
    done = shell(f"{RUN} data check dät.jsonl --model sprout", tmp_path, **NARROW)
    assert done.returncode == 2
    assert "set a UTF-8 locale" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [f"{HELLO} -p 'hä ☃'", f"echo 'hä ☃' | ({HELLO} -p -)"])
def test_a_prompt_is_utf8_in_any_locale(command: str, tmp_path: Path) -> None:
    done = shell(command, tmp_path, **NARROW)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_without_a_home_and_without_streams_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('{"text": "a"}\n')
    command = f"{RUN} data check d.jsonl --model sprout"
    assert shell(command, tmp_path, without="HOME", TMPDIR="").returncode == 0
    assert shell(f"{command} <&- >&- 2>&-", tmp_path).returncode == 0
