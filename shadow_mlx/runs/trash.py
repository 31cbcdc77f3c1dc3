"""Runs that are discarded and can be brought back, until the program ends that discarded them.

What belongs to a run is moved into a hidden folder beside it, which takes no time and no space, and
is brought back by the same way. Nothing else that lies in the run's folder is touched.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.files.writing import disk_errors, lives, remove_folder
from shadow_mlx.runs.belongings import check_over, own_paths, remove_empty
from shadow_mlx.runs.folder import RunFolder

_NAME = re.compile(r"\.shadow-mlx-discarded-(?P<process>\d+)-\d+")


@dataclass(frozen=True)
class Discarded:
    """A run that was moved away. ``names`` are those of its parts, within either folder."""

    folder: Path
    aside: Path
    names: tuple[str, ...]


class Trash:
    """The runs that one program discarded, the last one on top."""

    def __init__(self) -> None:
        self._runs: list[Discarded] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._runs)

    @property
    def last(self) -> Path | None:
        """Where the run lay that was discarded last."""
        return self._runs[-1].folder if self._runs else None

    def discard(self, folder: Path) -> None:
        """Move a run away; its folder goes too if nothing else is in it.

        Raises:
            InputError: The run is still at work.
            SurroundingsError: The disk refuses; the run is where it was.
        """
        run = RunFolder(folder.resolve())
        check_over(run)
        paths = own_paths(run, whole=True)
        aside = self._fresh(run.path.parent)
        names = tuple(str(path.relative_to(run.path)) for path in paths)
        _move(run.path, aside, names)
        with disk_errors(run.path, "remove"):
            remove_empty(run)
        self._runs.append(Discarded(run.path, aside, names))

    def undo(self) -> Path:
        """Bring the run back that was discarded last; returns its folder.

        Raises:
            InputError: There is none, or something else lies in its place by now.
            SurroundingsError: The disk refuses.
        """
        if not self._runs:
            raise InputError("nothing was discarded that could be brought back")
        one = self._runs[-1]
        taken = [name for name in one.names if os.path.lexists(one.folder / name)]
        if taken:
            raise InputError(
                f"{one.folder}: something else lies there by now ({taken[0]}); move it away first"
            )
        _move(one.aside, one.folder, one.names)
        self._runs.pop()
        remove_folder(one.aside)
        return one.folder

    def empty(self) -> None:
        """Remove what is discarded, for good."""
        while self._runs:
            remove_folder(self._runs.pop().aside)

    def _fresh(self, parent: Path) -> Path:
        """A name for a folder beside the run; what killed programs left there is removed."""
        with disk_errors(parent, "clean up"):
            for entry in list(parent.iterdir()):
                left = _NAME.fullmatch(entry.name)
                if left and not lives(int(left["process"])) and entry not in self._own():
                    remove_folder(entry)
        self._count += 1
        return parent / f".shadow-mlx-discarded-{os.getpid()}-{self._count}"

    def _own(self) -> set[Path]:
        return {one.aside for one in self._runs}


def _move(start: Path, end: Path, names: tuple[str, ...]) -> None:
    """All of it or nothing."""
    moved: list[str] = []
    try:
        with disk_errors(end, "move the run"):
            for name in names:
                (end / name).parent.mkdir(parents=True, exist_ok=True)
                (start / name).rename(end / name)
                moved.append(name)
    except SurroundingsError:
        for name in reversed(moved):
            (end / name).rename(start / name)
        raise
