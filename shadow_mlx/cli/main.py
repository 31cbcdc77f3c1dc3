"""The command table, and what an exception becomes: one message and an exit code.

Exit codes: 0 done; 2 what the user gave is wrong; 3 the surroundings failed (network, disk,
memory); 130 interrupted; 1 a bug, with its traceback; 141 the reader of our output went away.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import keyword
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from shadow_mlx.cli.streams import flush_stdout, give_up_stdout, protect_streams, stdout_is_closed
from shadow_mlx.cli.surroundings import check_surroundings
from shadow_mlx.errors import (
    InputError,
    ShadowMLXError,
    SurroundingsError,
    surroundings_failure,
)
from shadow_mlx.terminal import visible

# name → summary. The module ``shadow_mlx.cli.commands.<name>`` is imported only when chosen; it
# has ``add_arguments(parser)`` and ``run(args) -> exit code``, and imports nothing heavy at its
# top, so that ``shadow-mlx <name> --help`` answers at once too.
COMMANDS = {
    "tui": "the terminal UI: pick data, train, chat, see what detaching costs",
    "train": "fine-tune a model with a shadow",
    "pretrain": "teach a shadow to write by itself, before any task",
    "distill": "go on with an adapter's shadow by itself, taught by the attached model",
    "chat": "talk with the tuned model, its shadow alone, or the untuned backbone",
    "generate": "answer one prompt",
    "serve": "answer over HTTP, as OpenAI's clients ask: one backbone and its adapters",
    "compare": "measure base, attached, detached and rivals on a test file",
    "export": "the detached model as a plain folder, or the adapter as PEFT opens it",
    "import": "an adapter of PEFT or shadow-peft as one of ours",
    "push": "an adapter or an exported model to the Hugging Face hub",
    "estimate": "how much memory a training run takes, and what would make it fit",
    "data": "check training data, show what is trained of them, convert tables, split",
    "runs": "the runs below a folder: how far each is, and its losses",
    "info": "versions, device, default model, and what an adapter folder holds",
}

# What users of mlx-lm look for here, and what there is instead.
ELSEWHERE = {
    "fuse": "a shadow cannot be fused into the backbone, since what it adds depends on the input; "
    "the model that stands alone is the detached one: shadow-mlx chat --detached talks with it, "
    "shadow-mlx export --output DIR writes it as a plain model",
    "lora": "shadow-mlx trains a shadow instead of LoRA: shadow-mlx train --data FILE",
}

DISK_PROBLEMS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EMFILE, errno.ENFILE, errno.ESTALE),
}
NAME_PROBLEMS = {errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR}  # of a path that somebody gave


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: The arguments after the program's name; ``None`` takes the process's own.
    """
    # No torch is wanted: its absence needs no word on every command's stderr.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    protect_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a narrow encoding shows escapes instead of failing
            stream.reconfigure(errors="backslashreplace")
    if hasattr(sys.stdin, "reconfigure"):  # whatever the locale: what is no UTF-8 is told
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")
    try:
        code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        give_up_stdout()  # nobody reads on (`| head`)
        return 141
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except ShadowMLXError as error:
        return _fail(error)
    except OSError as error:
        if error.errno in NAME_PROBLEMS and error.filename is not None:
            return _fail(InputError(f"{str(error.filename)[:200]}: {error.strerror}"))
        if error.errno == errno.EBADF and stdout_is_closed():
            return _fail(SurroundingsError("stdout is closed: what was to be printed is lost"))
        if error.errno not in DISK_PROBLEMS:
            raise
        return _fail(SurroundingsError(f"{error.filename or 'disk'}: {error.strerror}"))
    except (MemoryError, RuntimeError) as error:
        if (known := surroundings_failure(error)) is None:
            raise
        return _fail(known)


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        if len(argv) > 1 and argv[1] in COMMANDS:  # shadow-mlx help train
            return _run(argv[1], ["--help"])
        print(_overview(), file=sys.stdout if argv else sys.stderr)
        return 0 if argv else InputError.exit_code
    if argv[0] in ("-V", "--version"):
        import shadow_mlx

        print(f"shadow-mlx {shadow_mlx.__version__}")
        return 0
    name = argv[0]
    if name in ELSEWHERE:
        raise InputError(ELSEWHERE[name])
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise InputError(f"unknown command {name!r}{hint}; see shadow-mlx --help")
    return _run(name, argv[1:])


def _run(name: str, argv: list[str]) -> int:
    from shadow_mlx.cli.options import Parser

    command = command_module(name)
    parser = Parser(prog=f"shadow-mlx {name}", description=command.__doc__)
    command.add_arguments(parser)
    try:
        args = parser.parse_args(argv)
    except SystemExit as leaving:  # argparse printed the help or the error
        return int(leaving.code or 0)

    check_surroundings()
    from shadow_mlx.cli.downloads import DownloadDisplay
    from shadow_mlx.hub.resolving import watching_downloads

    with DownloadDisplay() as display, watching_downloads(display):
        return int(command.run(args))


def command_module(name: str) -> ModuleType:
    """The module of a command; ``import``, which is a word of Python's, stands in ``import_``."""
    module = f"{name}_" if keyword.iskeyword(name) else name
    return importlib.import_module(f"shadow_mlx.cli.commands.{module}")


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: shadow-mlx <command> …",
            "",
            "Fine-tune a language model with a small shadow, and take the shadow along alone.",
            "",
            *lines,
            "",
            "shadow-mlx <command> --help says more; shadow-mlx --version.",
        ]
    )


def _fail(error: ShadowMLXError) -> int:
    flush_stdout()
    print(f"shadow-mlx: {visible(str(error))}", file=sys.stderr)
    return error.exit_code
