"""The adapter folder as the record of a run: its paths, its lock, its log of events."""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.events import Event, to_json
from shadow_mlx.files import disk_errors, remove_leftovers

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md")
_CHECKPOINT_NAME = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class RunFolder:
    """Where everything of one run lies. ``path`` is the adapter folder itself."""

    path: Path

    @property
    def run(self) -> Path:
        """The record of the run, apart from what PEFT loads."""
        return self.path / "run"

    @property
    def config(self) -> Path:
        """The effective configuration, as ``--config`` reads it."""
        return self.run / "config.yaml"

    @property
    def events(self) -> Path:
        """One JSON object a line: everything that the run said."""
        return self.run / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Complete checkpoints, one folder each."""
        return self.run / "checkpoints"

    @property
    def has_adapter(self) -> bool:
        """Whether a trained adapter lies at the top."""
        return (self.path / "adapter_model.safetensors").exists()

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint after optimizer step ``step``."""
        return self.checkpoints / f"step-{step:06d}"

    def saved_steps(self) -> list[int]:
        """Steps that have a complete checkpoint, in order."""
        if not self.checkpoints.is_dir():
            return []
        names = (_CHECKPOINT_NAME.fullmatch(entry.name) for entry in self.checkpoints.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def lock(self) -> RunLock:
        """The lock that a writer of this folder must hold."""
        return RunLock(self.run / ".lock")

    def remove_leftovers(self) -> None:
        """Remove half-written files of killed runs; the caller holds the lock."""
        for folder in (self.path, self.run, self.checkpoints):
            remove_leftovers(folder)


class RunLock:
    """Keeps a second run out of a folder; the system lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> RunLock:
        with disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise SurroundingsError(
                f"{self._path.parent.parent}: another run (process {holder}) is writing here. "
                "Wait for it, stop it, or choose another folder with --adapter-path."
            ) from None
        except OSError:
            file.close()
            raise
        self._file = file
        with disk_errors(self._path):
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        self._file.close()
        self._file = None


class EventLog:
    """Appends events to a file, each line flushed, so that any viewer can follow it.

    Calling it with an event writes that event: it is a listener. A line that a killed writer left
    unfinished is cut off when the file is opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab+")
            _cut_torn_line(self._file)

    def __call__(self, event: Event) -> None:
        """Append one line and flush it."""
        with disk_errors(self._path):
            self._file.write(to_json(event).encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file; no event may follow."""
        with disk_errors(self._path):
            self._file.close()


def _cut_torn_line(file: IO[bytes], block: int = 65536) -> None:
    """Truncate ``file`` after its last newline."""
    end = file.seek(0, os.SEEK_END)
    position = end
    while position > 0:
        start = max(0, position - block)
        file.seek(start)
        newline = file.read(position - start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position != end:
        file.truncate(position)
    file.seek(0, os.SEEK_END)
