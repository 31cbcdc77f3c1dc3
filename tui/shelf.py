"""The conversations that are kept by themselves: a file for each, bounded in number and size."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shadow_mlx.errors import InputError
from shadow_mlx.files.writing import atomic_file, disk_errors

if TYPE_CHECKING:
    from shadow_mlx.generation.branches import Branches

MOST = 200
"""Conversations that are kept; of more, those that were not touched for longest go."""

LARGEST = 4 << 20
"""Bytes of one."""

ALL = 64 << 20
"""Bytes of all."""

_NAME = re.compile(r"[0-9a-f]{16}-\d+")


@dataclass(frozen=True)
class Kept:
    """A conversation in the list.

    Attributes:
        name: Its file's name, without the suffix.
        title: The first question.
        questions: How many there are.
        who: Who answered last.
        changed: When, in seconds since 1970.
    """

    name: str
    title: str
    questions: int
    who: str
    changed: float


def new_name() -> str:
    """A name that no other conversation has, of this program or of another one."""
    return f"{time.time_ns():016x}-{os.getpid()}"


class Shelf:
    """The folder of them; its methods may be called from any thread.

    Args:
        folder: Where they lie; it is made when the first one is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: dict[str, Branches] = {}  # as the files hold them
        self._stamps: dict[str, tuple[int, int]] = {}  # of the files that we wrote or read
        self._moved: dict[str, str] = {}
        self._removed: list[tuple[Path, bytes, os.stat_result]] = []

    def keep(self, name: str, talk: Branches) -> None:
        """Write a conversation, whole or not at all, and let the oldest go where it is too much.

        Where another program has written the same one meanwhile, this one goes into a new file.

        Raises:
            InputError: It is too large.
            SurroundingsError: The disk refuses.
        """
        with self._lock:
            if not talk.entries or self._kept.get(name) == talk:
                return
            # Gone, it may have been removed here: then it is written anew under its name.
            now = _stamp(self._path(name))
            if now is not None and now != self._stamps.get(name):
                self._moved[name] = new_name()
            path = self._path(name)
            raw = _bounded(talk)
            with disk_errors(self._folder):  # what was said is nobody else's to read
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with atomic_file(path) as file:
                file.write(raw)
            self._kept[name], self._stamps[name] = talk, _stamp(path) or (0, 0)
            self._tidy(path)

    def listed(self) -> list[Kept]:
        """All of them, the one that was touched last first; damaged files are left out."""
        names = {moved: name for name, moved in self._moved.items()}
        found = []
        for path, stat in self._files():
            talk = _read(path)
            questions = [t.text for t in talk.conversation.turns if t.role == "user"]
            answers = [t for t in talk.conversation.turns if t.role == "assistant"]
            title = " ".join(" ".join(questions[:1]).split())
            if talk.entries:
                who = answers[-1].who if answers else ""
                name = names.get(path.stem, path.stem)
                found.append(
                    Kept(name, title or "(taken back)", len(questions), who, stat.st_mtime)
                )
        return found

    def opened(self, name: str) -> Branches:
        """One of them; it is empty where the file is damaged or gone."""
        with self._lock:
            path = self._path(name)
            stamp = _stamp(path)
            talk = _read(path)
            if stamp is not None:
                self._kept[name], self._stamps[name] = talk, stamp
            return talk

    def remove(self, name: str) -> None:
        """Remove one; :meth:`put_back` undoes it.

        Raises:
            SurroundingsError: The disk refuses.
        """
        with self._lock:
            path = self._path(name)
            with disk_errors(path, "remove it"):
                self._removed.append((path, path.read_bytes(), path.stat()))
                path.unlink()
            self._kept.pop(name, None)
            self._stamps.pop(name, None)

    def put_back(self) -> bool:
        """Undo the last removal that is not undone; whether there was one.

        Raises:
            SurroundingsError: The disk refuses.
        """
        with self._lock:
            if not self._removed:
                return False
            path, raw, stat = self._removed[-1]
            with atomic_file(path) as file:
                file.write(raw)
            with disk_errors(path):
                os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            self._removed.pop()
            return True

    def holds(self, name: str) -> bool:
        """Whether it is a name of ours that is there; for what may be a path, too."""
        return bool(_NAME.fullmatch(name)) and self._path(name).exists()

    def lacks(self, name: str) -> bool:
        """Whether it was removed here."""
        path = self._path(name)
        return any(removed == path for removed, _, _ in self._removed) and not path.exists()

    def file_name(self, name: str) -> str:
        """What it is called after this program has ended."""
        return self._moved.get(name, name)

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._moved.get(name, name)}.json"

    def _files(self) -> list[tuple[Path, os.stat_result]]:
        """Ours, newest first."""
        try:
            entries = [e for e in os.scandir(self._folder) if _NAME.fullmatch(Path(e.name).stem)]
            found = [(Path(e.path), e.stat()) for e in entries if e.name.endswith(".json")]
        except OSError:
            return []
        return sorted(found, key=lambda one: one[1].st_mtime_ns, reverse=True)

    def _tidy(self, newest: Path) -> None:
        size = 0
        for i, (path, stat) in enumerate(self._files()):
            size += stat.st_size
            if (i >= MOST or size > ALL) and path != newest:
                path.unlink(missing_ok=True)


def _bounded(talk: Branches) -> bytes:
    """As the file has it: with the versions that are not shown, if that is not too much."""
    from shadow_mlx.generation.branches import Branches

    for one in (talk, Branches.of(talk.conversation)):
        raw = json.dumps(one.to_mapping(), ensure_ascii=False).encode(errors="replace")
        if len(raw) <= LARGEST:
            return raw
    raise InputError(
        f"the conversation is too long to be kept by itself (more than {LARGEST:,} bytes); "
        "ctrl+s saves it"
    )


def _read(path: Path) -> Branches:
    """What a file holds; nothing where it is damaged, too large, or no file."""
    from shadow_mlx.data.reading.strict_json import InvalidLineError, read_json
    from shadow_mlx.generation.branches import Branches
    from shadow_mlx.runs.record import without_waiting

    try:
        with open(path, "rb", opener=without_waiting) as file:
            raw = read_json(file.read(LARGEST))
    except (OSError, InvalidLineError):
        return Branches()
    return Branches.from_mapping(raw) if isinstance(raw, dict) else Branches()


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size
