"""A text in the person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from shadow_mlx.errors import InputError


def editor() -> list[str]:
    """The command of the person's own editor.

    Raises:
        InputError: None is named.
    """
    for name in ("VISUAL", "EDITOR"):
        try:
            if command := shlex.split(os.environ.get(name, "")):
                return command
        except ValueError as error:  # a quote is not closed
            raise InputError(f"{name}: cannot be read: {error}") from None
    raise InputError("No editor is named: set EDITOR, such as EDITOR=nano, and start again.")


def edited(text: str, command: list[str]) -> str:
    """What a person makes of a text in an editor, without the line ends behind it.

    Raises:
        InputError: The editor does not start, fails, or leaves something else than text.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8", errors="replace")
        try:
            code = subprocess.run([*command, str(path)], check=False).returncode
            if code == 0:
                return path.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError) as error:
            raise InputError(f"{command[0]}: {error}. The message is as it was.") from None
    raise InputError(f"{command[0]} ended with code {code}. The message is as it was.")
