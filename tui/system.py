"""What the UI needs of the system: the clipboard, notifications, and how its children start."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping

NOTES_BY_OSC_9 = {"iTerm.app", "ghostty", "WezTerm"}
"""Terminals, as they call themselves, that show a notification by this escape sequence."""

BELL = "\a"


async def copy(text: str) -> str:
    """Give text to the system's clipboard too, for terminals that refuse; tells which way.

    Over ssh, the terminal's own way (OSC 52) is the only one that reaches the person.
    """
    tools = (["pbcopy"], ["wl-copy"], ["xclip", "-selection", "clipboard"])
    if not os.environ.get("SSH_CONNECTION"):
        for tool in tools:
            if shutil.which(tool[0]):
                process = await asyncio.create_subprocess_exec(
                    *tool,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                )
                await process.communicate(text.encode())
                if process.returncode == 0:
                    return tool[0]
    return "through the terminal"


def worker_command() -> list[str]:
    """How the child that holds models and data is started."""
    return [sys.executable, "-m", "shadow_mlx.worker"]


def serve_command() -> list[str]:
    """How a server is started; its flags follow."""
    return [sys.executable, "-m", "shadow_mlx", "serve"]


def notification(title: str, text: str, environment: Mapping[str, str]) -> str:
    """What to write to the terminal so that the desktop shows a message; a bell where none is.

    Inside tmux it is a bell too: tmux marks the window that rang, and keeps the rest to itself.

    Args:
        title: Of the message.
        text: Its text; both without control characters.
        environment: The process's, by which terminals tell who they are.
    """
    if environment.get("TMUX"):
        return BELL
    plain = text.replace(";", ",")  # it ends a field
    if environment.get("TERM_PROGRAM") in NOTES_BY_OSC_9 or "KITTY_WINDOW_ID" in environment:
        return f"\x1b]9;{title}: {plain}{BELL}"
    term = environment.get("TERM", "")
    if "VTE_VERSION" in environment or term.startswith(("foot", "rxvt")):
        return f"\x1b]777;notify;{title};{plain}{BELL}"
    return BELL
