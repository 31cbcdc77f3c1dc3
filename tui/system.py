"""What the UI needs of the system: the clipboard, and how its children start."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys


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
