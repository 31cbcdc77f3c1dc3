"""Starting a run: an ordinary ``shadow-mlx train`` that outlives who started it.

It has a session of its own; what it says is in its folder's record, whoever started it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.errors import InputError
from shadow_mlx.files.writing import disk_errors, open_regular, write_text
from shadow_mlx.macos import relax_watchdog
from shadow_mlx.runs.belongings import check_free_of_others
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.live import is_live
from shadow_mlx.runs.record import without_waiting

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig

TRAIN_COMMAND = [sys.executable, "-m", "shadow_mlx", "train"]

LOG_BYTES = 8192
"""The end of a run's output that is looked at."""


@dataclass(frozen=True)
class Launched:
    """A run that was started here. ``process`` is for telling how it ended."""

    folder: Path
    process: asyncio.subprocess.Process


async def launch(config: TrainConfig, *, resume: bool = False) -> Launched:
    """Start a run; its output goes to ``run/output.log``, its settings to ``run/requested.yaml``.

    Raises:
        SurroundingsError: The folder cannot be written.
    """
    import yaml

    run = RunFolder(Path(config.adapter_path))
    settings = {k: v for k, v in config.to_mapping().items() if v is not None}
    write_text(run.requested, yaml.safe_dump(settings, sort_keys=False))
    arguments = [*TRAIN_COMMAND, "-c", str(run.requested)]
    if resume:
        arguments.append("--resume")
    environment = dict(os.environ)
    relax_watchdog(environment)
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if resume else os.O_TRUNC)
    with disk_errors(run.run), os.fdopen(open_regular(run.output, flags), "wb") as log:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    return Launched(run.path.resolve(), process)


def log_tail(folder: Path, lines: int = 12) -> str:
    """The end of what a run printed that was started by :func:`launch`, or ``""``."""
    try:
        with open(RunFolder(folder).output, "rb", opener=without_waiting) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line.split("\r")[-1] for line in text.splitlines()][-lines:])


def check_target(folder: Path) -> str | None:
    """What stands in the way of a new run in this folder, if anything."""
    if is_live(folder):
        return f"{folder}: a run is at work here; stop it, or choose another folder"
    run = RunFolder(folder)
    if run.has_adapter or run.events.exists():
        return f"{folder} holds a run already; choose another folder"
    try:
        check_free_of_others(run)
    except InputError as error:
        return str(error)
    return None


def free_folder(base: str = "adapters") -> str:
    """``base``, or the same name with ``-2``, ``-3`` …: the first that holds no run."""
    stem = re.sub(r"-\d+$", "", base)
    number, name = 1, base
    while (run := RunFolder(Path(name))).exists or run.has_adapter:
        number += 1
        name = f"{stem}-{number}"
    return name
