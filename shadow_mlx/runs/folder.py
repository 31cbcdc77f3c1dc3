"""The adapter folder as the record of a run: its paths, its lock, its log of events."""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from shadow_mlx.config.paths import local
from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.files.line_log import LineLog
from shadow_mlx.files.writing import disk_errors, open_regular, remove_leftovers
from shadow_mlx.runs.events import Event, to_json

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "README.md")
ORIGINAL_FILES = ("shadow_config.json", "shadow_adapter.safetensors", "README.md")
"""Those of an adapter of the original package's variant, which is trained on in its own format."""

DRAFT_TOKENS = "draft_tokens.json"
"""Beside either: the tokens that the shadow drafts among from the first word on."""

STATE_FILES = ("state.safetensors", "state.json")
"""What a checkpoint has beside an adapter."""

ADAPTER_CONFIGS = (ADAPTER_FILES[0], ORIGINAL_FILES[0])
"""What an adapter's folder is known by: PEFT's format, and the original package's."""

CARD = "README.md"
_CHECKPOINT_NAME = re.compile(r"step-(\d+)")
_TEACHER_FILE = re.compile(r"(train|valid)-\d{5}\.safetensors")


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
    def teacher(self) -> Path:
        """What a teacher said of the data, where it is kept (``--teacher-top``)."""
        return self.run / "teacher"

    @property
    def exists(self) -> bool:
        """Whether a run left its record here."""
        try:
            return self.events.is_file() or self.config.is_file()
        except OSError:  # of a name that no file system takes
            return False

    @property
    def has_adapter(self) -> bool:
        """Whether there is an adapter of either format, or what a save that was cut short left.

        One that a run was killed in writing counts when a checkpoint of the run has it whole.
        """
        return _is_adapter(self.path) or bool(self.saved_adapters())

    @property
    def adapter_changed(self) -> float:
        """When the weights at the top were written, in seconds since the epoch; 0 without any."""
        times = []
        for files in (ADAPTER_FILES, ORIGINAL_FILES):
            with suppress(OSError):
                times.append((self.path / files[1]).stat().st_mtime)
        return max(times, default=0.0)

    @property
    def requested(self) -> Path:
        """The settings with which the terminal UI started the run."""
        return self.run / "requested.yaml"

    @property
    def output(self) -> Path:
        """What a run that the terminal UI started prints."""
        return self.run / "output.log"

    @property
    def labels(self) -> Path:
        """What a person wrote on the run: a name, a note, a mark; see ``labels``."""
        return self.run / "labels.json"

    @property
    def crash(self) -> Path:
        """What a process leaves here that ends suddenly; see ``crash_log``."""
        return self.run / "crash.log"

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint after optimizer step ``step``."""
        return self.checkpoints / f"step-{step:06d}"

    def saved_steps(self) -> list[int]:
        """Steps that have a complete checkpoint, in order."""
        if not self.checkpoints.is_dir():
            return []
        names = (_CHECKPOINT_NAME.fullmatch(entry.name) for entry in self.checkpoints.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def saved_adapters(self) -> list[Path]:
        """The checkpoints' folders that hold an adapter, newest first."""
        try:
            steps = self.saved_steps()
        except OSError:
            return []
        return [path for path in map(self.checkpoint, reversed(steps)) if _is_adapter(path)]

    @property
    def lock_file(self) -> Path:
        """The file that a writer locks; it names the process."""
        return self.run / ".lock"

    def lock(self) -> RunLock:
        """The lock that a writer of this folder must hold."""
        return RunLock(self.lock_file)

    def remove_leftovers(self) -> None:
        """Remove half-written files of killed runs; the caller holds the lock."""
        remove_leftovers(self.path, {*ADAPTER_FILES, *ORIGINAL_FILES, DRAFT_TOKENS}.__contains__)
        own = (self.config.name, self.requested.name, self.labels.name)
        remove_leftovers(self.run, lambda name: name in own or name == self.checkpoints.name)
        remove_leftovers(self.checkpoints, is_checkpoint_name)
        remove_leftovers(self.teacher, is_teacher_file)


def holds_adapter(name: str | Path) -> bool:
    """:attr:`RunFolder.has_adapter` of what a person named, which may be no folder at all."""
    path = local(name)
    return path is not None and RunFolder(path).has_adapter


def _is_adapter(folder: Path) -> bool:
    names = (*ADAPTER_FILES[:2], *ORIGINAL_FILES[:2])
    return any((folder / name).is_file() for name in names)


def is_checkpoint_name(name: str) -> bool:
    """Whether a folder of this name in ``run/checkpoints`` is a checkpoint."""
    return _CHECKPOINT_NAME.fullmatch(name) is not None


def is_teacher_file(name: str) -> bool:
    """Whether a file of this name in ``run/teacher`` holds records of a teacher."""
    return _TEACHER_FILE.fullmatch(name) is not None


class RunLock:
    """Keeps a second run out of a folder; the system lets go of it when the process dies.

    A holder that leaves the folder as it found it leaves no lock file there either.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None
        self._made: list[Path] = []  # folders, the innermost last

    def __enter__(self) -> RunLock:
        with disk_errors(self._path):
            self._make_folders()
            while self._handle is None:
                self._handle = self._take()
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._handle is not None
        with suppress(OSError):  # whatever else lies there
            if [entry.name for entry in self._path.parent.iterdir()] == [self._path.name]:
                self._path.unlink()
                for folder in reversed(self._made):
                    folder.rmdir()
        os.close(self._handle)
        self._handle = None

    def _make_folders(self) -> None:
        folder, missing = self._path.parent, []
        while not folder.exists() and not folder.is_symlink():
            missing.append(folder)
            folder = folder.parent
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._made = missing[::-1]

    def _take(self) -> int | None:
        """The lock's descriptor, or ``None`` if its file was removed by the holder before us."""
        handle = open_regular(self._path, os.O_RDWR | os.O_CREAT)
        try:
            holder = os.pread(handle, 64, 0).decode(errors="replace").strip()
            if holder and not holder.isdecimal():
                raise InputError(
                    f"{self._path}: another program's file stands where a run puts its lock. "
                    "Choose another folder with --adapter-path."
                )
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SurroundingsError(
                    f"{self._path.parent.parent}: another run (process {holder or 'unknown'}) is "
                    "writing here. Wait for it, stop it, or choose another folder with "
                    "--adapter-path."
                ) from None
            if _is_at(self._path, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        return None


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False


class EventLog(LineLog):
    """Appends events to a file. Calling it with an event writes that event: it is a listener."""

    def __call__(self, event: Event) -> None:
        """Append one line."""
        self.write(to_json(event))
