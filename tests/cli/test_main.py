from __future__ import annotations

import os
import resource
import subprocess
import sys
import types

import pytest

from shadow_mlx.cli import main as cli
from shadow_mlx.errors import DataError, HubError, Interrupted

HEAVY = ("mlx", "mlx_lm", "transformers", "numpy", "yaml", "huggingface_hub", "textual", "tqdm")


def program(*args: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-m", "shadow_mlx", *args], capture_output=True, text=True, **kwargs
    )


def command_that(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    module = types.ModuleType("shadow_mlx.cli.commands.train", "A stand-in.")
    module.add_arguments = lambda parser: None  # type: ignore[attr-defined]
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def raising(error: BaseException) -> object:
    def run(args: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["--help"], 0),
        (["chat", "--help"], 0),
        (["generate", "--help"], 0),
        (["info", "--help"], 0),
        (["chta"], 2),
        (["generate", "--prmopt", "hi"], 2),
        (["chat", "--temp", "warm"], 2),
    ],
)
def test_help_and_usage_errors_import_nothing_heavy(args: list[str], code: int) -> None:
    check = (
        "import sys\n"
        "from shadow_mlx.cli.main import main\n"
        f"code = main({args!r})\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(
    ("args", "code"), [(["--help"], 0), (["chat", "--help"], 0), (["generate", "--tmep"], 2)]
)
def test_help_and_usage_errors_take_well_under_300_ms(args: list[str], code: int) -> None:
    def seconds() -> float:
        """Processor time, which other tests on the machine do not stretch as they do real time."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert program(*args).returncode == code
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.3


def test_every_command_of_the_table_exists() -> None:
    for name in cli.COMMANDS:
        done = program(name, "--help")
        assert done.returncode == 0, (name, done.stderr)
        assert f"usage: shadow-mlx {name}" in done.stdout


def test_overview_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in cli.COMMANDS)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("shadow-mlx 0.")


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_misspelt_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err


def test_who_looks_for_fuse_is_told_why_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fuse"]) == 2
    message = capsys.readouterr().err
    assert "cannot be fused" in message
    assert "--detached" in message


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (DataError("chat.jsonl:3: broken"), 2, "shadow-mlx: chat.jsonl:3: broken"),
        (HubError("no network"), 3, "no network"),
        (Interrupted("saved at step 5"), 130, "saved at step 5"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "x.bin"), 3, "x.bin: No space left on device"),
        (PermissionError(13, "Permission denied", "out"), 3, "out: Permission denied"),
        (MemoryError(), 3, "out of memory"),
        (RuntimeError("[malloc] Unable to allocate 9 bytes."), 3, "out of memory"),
    ],
)
def test_errors_become_one_message_and_the_documented_code(
    error: BaseException,
    code: int,
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command_that(monkeypatch, raising(error))
    assert cli.main(["train"]) == code
    message = capsys.readouterr().err
    assert says in message
    assert "Traceback" not in message


@pytest.mark.parametrize("error", [ValueError("bug"), RuntimeError("bug"), OSError(9, "bug")])
def test_a_bug_keeps_its_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(monkeypatch, raising(error))
    with pytest.raises(type(error), match="bug"):
        cli.main(["train"])


def test_messages_cannot_control_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_that(monkeypatch, raising(DataError("found '\x1b]0;title\x07'")))
    cli.main(["train"])
    assert "\x1b" not in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "shadow_mlx", "--help"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (141, "")
