"""Runs: listed, started, followed, signalled and removed.

A run is an ordinary ``shadow-mlx train`` in a session of its own, so it outlives the UI; what it
says is in its folder's ``run/events.jsonl``, whoever started it. Functions that read files are
meant for a thread (``asyncio.to_thread``).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from shadow_mlx.errors import InputError, ShadowMLXError
from shadow_mlx.files.writing import disk_errors, open_regular, write_text
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.folder import ADAPTER_FILES, RunFolder
from shadow_mlx.runs.record import EventReader, without_waiting
from tui.bridge.data import data_files
from tui.bridge.paths import absolute, expanded, local
from tui.views.words import means

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig

SPARK = 16
"""Values of a curve that a line of a list shows."""

DEPTH = 3
"""How deep below the working folder runs are looked for."""

LONGEST_NUMBER = 20
LARGEST_PROCESS = 2**31 - 1

TRAIN_COMMAND = [sys.executable, "-m", "shadow_mlx", "train"]

Status = Literal["running", "done", "stopped", "patience", "failed", "interrupted", "empty"]
Command = Literal["stop", "pause", "resume"]
SIGNALS: dict[str, signal.Signals] = {
    "stop": signal.SIGTERM,
    "pause": signal.SIGUSR1,
    "resume": signal.SIGUSR2,
}


@dataclass(frozen=True)
class RunSummary:
    """One run, for a list. ``losses`` are at most ``SPARK`` means of its curve."""

    folder: Path
    status: Status
    step: int
    total_steps: int
    best_loss: float | None
    losses: tuple[float, ...]
    backbone: str
    changed: float
    has_adapter: bool


@dataclass(frozen=True)
class Launched:
    """A run that this UI started. ``process`` is for telling how it ended."""

    folder: Path
    process: asyncio.subprocess.Process


def is_live(folder: Path) -> bool:
    """Whether a process writes this run now: the process exists and holds the folder's lock."""
    try:
        with open(_lock(folder), opener=without_waiting) as file:
            if not _exists(_number(file)):
                return False
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (OSError, ValueError):
        return False
    return False


def status_of(view: RunView, live: bool) -> Status:
    """What to call the state of a run."""
    if live and view.ended is None:
        return "running"
    if view.ended is not None:
        return view.ended.reason
    if view.version == 0:
        return "empty"
    return "interrupted"


def summarise(folder: Path, reader: EventReader | None = None) -> RunSummary:
    """One run's line in a list; reads its record, or what is new to a reader of it."""
    view = (reader or EventReader(folder)).read_all()
    losses = view.valid if len(view.valid) > 3 else view.train
    return RunSummary(
        folder=folder,
        status=status_of(view, is_live(folder)),
        step=view.step,
        total_steps=view.total_steps,
        best_loss=view.best_loss,
        losses=tuple(means(losses.values, SPARK)),
        backbone=view.started.backbone if view.started else "",
        changed=view.last_time or last_change(folder),
        has_adapter=RunFolder(folder).has_adapter,
    )


def find_runs(known: Iterable[str], below: Path) -> list[Path]:
    """Folders of runs: those known, and those below a folder; most recently changed first."""
    found = {path for name in known if (path := _place(name)) is not None}
    found |= {path.resolve() for path in _search(below, DEPTH)}
    return sorted((p for p in found if _is_run(p)), key=last_change, reverse=True)


def _place(name: str) -> Path | None:
    """Where a remembered name leads; ``None`` for one that no folder has."""
    try:
        return Path(name).resolve()
    except (OSError, ValueError, RuntimeError):  # NUL, halves of characters, links in a circle
        return None


def read_config(folder: Path, *, requested: bool = False) -> TrainConfig | None:
    """The settings of a run (or those it was asked for), or ``None`` if they cannot be read."""
    from shadow_mlx.config import TrainConfig
    from shadow_mlx.config.yaml_file import read_yaml

    run = RunFolder(folder)
    try:
        return TrainConfig.from_mapping(
            read_yaml(requested_path(folder) if requested else run.config)
        )
    except ShadowMLXError:
        return None


def check_target(config: TrainConfig) -> str | None:
    """What stands in the way of starting this run, if anything."""
    folder = Path(config.adapter_path)
    if is_live(folder):
        return f"{folder}: a run is at work here; stop it, or choose another folder"
    if RunFolder(folder).has_adapter or RunFolder(folder).events.exists():
        return f"{folder} holds a run already; choose another folder"
    from shadow_mlx.runs.belongings import check_free_of_others

    try:
        check_free_of_others(RunFolder(folder))
    except InputError as error:
        return str(error)
    return None


def test_file(adapter: Path) -> str | None:
    """The test split of the data that an adapter was trained on, else its validation split."""
    config = read_config(adapter)
    files = data_files(config.data) if config and config.data else []
    for name in ("test", "valid", "train"):
        for path in files:
            if path.stem.startswith(name[:3]):
                return str(path)
    return str(files[0]) if files else None


def columns_of(adapter: str, data: str) -> dict[str, str]:
    """The columns that a run named by hand, where ``data`` are of the data it was trained on."""
    config = read_config(Path(adapter))
    if config is None or not config.data:
        return {}
    known = {absolute(config.data), *(absolute(str(path)) for path in data_files(config.data))}
    return config.named() if absolute(data) in known else {}


def has_adapter(folder: Path) -> bool:
    """Whether something can be chatted with already."""
    return RunFolder(folder).has_adapter


def holds_adapter(folder: str) -> bool:
    """Whether a folder that somebody named holds an adapter, of either format."""
    from shadow_mlx.backbones import folder as model_folder

    path = local(folder)
    return path is not None and model_folder.holds_adapter(path)


def weights_named(name: str) -> tuple[str | None, str | None]:
    """The model and the adapter that a name stands for: one of the two."""
    if holds_adapter(name):
        return None, str(expanded(name))
    return name, None


def adapter_changed(adapter: str | None) -> float:
    """When an adapter's weights were written; 0 where there are none."""
    try:
        return (Path(adapter) / ADAPTER_FILES[1]).stat().st_mtime if adapter else 0.0
    except OSError:
        return 0.0


def free_folder(base: str = "adapters") -> str:
    """``base``, or the same name with ``-2``, ``-3`` …: the first that holds no run."""
    stem = re.sub(r"-\d+$", "", base)
    number, name = 1, base
    while _is_run(Path(name)) or RunFolder(Path(name)).has_adapter:
        number += 1
        name = f"{stem}-{number}"
    return name


async def start_training(config: TrainConfig, *, resume: bool = False) -> Launched:
    """Start ``shadow-mlx train`` as a process that outlives the UI.

    Its output goes to ``run/output.log``, its settings stand in ``run/requested.yaml``.

    Raises:
        SurroundingsError: When the folder cannot be written.
    """
    import yaml

    folder = Path(config.adapter_path)
    run = RunFolder(folder)
    settings = {k: v for k, v in config.to_mapping().items() if v is not None}
    write_text(requested_path(folder), yaml.safe_dump(settings, sort_keys=False))
    arguments = [*TRAIN_COMMAND, "-c", str(requested_path(folder))]
    if resume:
        arguments.append("--resume")
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if resume else os.O_TRUNC)
    with disk_errors(run.run), os.fdopen(open_regular(run.output, flags), "wb") as log:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Launched(folder.resolve(), process)


def requested_path(folder: Path) -> Path:
    """The settings with which the UI started a run."""
    return RunFolder(folder).requested


def log_path(folder: Path) -> Path:
    """Where the output of a run lies that the UI started."""
    return RunFolder(folder).output


def log_tail(folder: Path, lines: int = 12) -> str:
    """The end of a run's output, or ``""``."""
    try:
        with open(log_path(folder), "rb", opener=without_waiting) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line.split("\r")[-1] for line in text.splitlines()][-lines:])


def send(folder: Path, command: Command) -> bool:
    """Ask a live run to stop (and save), pause or go on; returns whether there was one."""
    process = _process_of(folder)
    if process is None:
        return False
    try:
        os.kill(process, SIGNALS[command])
    except (ProcessLookupError, PermissionError):
        return False
    return True


def discard(folder: Path) -> None:
    """Remove what a run wrote, and nothing else; the folder too if it is then empty.

    Raises:
        InputError: The run is still at work.
        SurroundingsError: The disk refuses.
    """
    if is_live(folder):
        raise InputError(f"{folder}: the run is still at work; stop it first")
    from shadow_mlx.runs.belongings import remove_everything

    remove_everything(RunFolder(folder))


def _process_of(folder: Path) -> int | None:
    """The process that writes a live run, by its lock."""
    if not is_live(folder):
        return None
    try:
        with open(_lock(folder), opener=without_waiting) as file:
            return _number(file) or None
    except (OSError, ValueError):  # it ended while we looked
        return None


def _lock(folder: Path) -> Path:
    return RunFolder(folder).run / ".lock"


def _number(file: TextIO) -> int:
    """The process that a lock names; 0 for what cannot be one, and for a lock that was left."""
    text = file.read(LONGEST_NUMBER + 1).strip()
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number <= LARGEST_PROCESS else 0


def _exists(process: int) -> bool:
    if process <= 0:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_run(folder: Path) -> bool:
    run = RunFolder(folder)
    try:
        return run.events.is_file() or run.config.is_file()
    except OSError:  # of a name that no file system takes
        return False


def last_change(folder: Path) -> float:
    """When the run last said something, in seconds since the epoch; 0 when never."""
    run = RunFolder(folder)
    for path in (run.events, run.config):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _search(folder: Path, depth: int) -> Iterable[Path]:
    if _is_run(folder):
        yield folder
        return
    if depth == 0:
        return
    try:
        children = [e.path for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for child in sorted(children)[:200]:
        if not Path(child).name.startswith(".") and Path(child).name != "node_modules":
            yield from _search(Path(child), depth - 1)
