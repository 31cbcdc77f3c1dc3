"""From ``--data`` to files: one file, a folder of ``{train,valid,test}.jsonl``, or a hub id."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.config.paths import home_expanded, local
from shadow_mlx.data.reading.foreign import BY_SUFFIX, DOCUMENTS, foreign_kind, how_to_convert
from shadow_mlx.errors import DataError, ShadowMLXError

NAMES = {
    "train": ("train",),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
SUFFIXES = (".jsonl", ".json")


@dataclass(frozen=True)
class DataFiles:
    """The files of one data set; without ``valid``, validation examples come out of ``train``."""

    train: Path
    valid: Path | None = None
    test: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        return (path for path in (self.train, self.valid, self.test) if path is not None)


def locate(data: str | Path) -> DataFiles:
    """Find the files that ``data`` names; a hub data set is fetched.

    Raises:
        DataError: When there is no such file, folder or id, or a folder holds no training file.
    """
    path = home_expanded(data)
    try:
        path.exists()
    except OSError as error:  # a name too long, a folder that may not be entered
        raise DataError(f"--data {str(data)[:80]}: {error.strerror}") from None
    if path.is_dir():
        return _in_folder(path)
    if path.exists() or path.is_symlink():
        return _one_file(path)
    if is_hub_id(str(data)):
        from shadow_mlx.hub.resolving import resolve_dataset

        found = Path(resolve_dataset(str(data)))
        return _in_folder(found) if found.is_dir() else _one_file(found)
    raise DataError(f"--data {data}: no such file or folder.{_suggestion(path)}")


def locate_here(data: str) -> DataFiles | None:
    """:func:`locate` without the hub and without a complaint: ``None`` for what is not here."""
    if local(data) is None:
        return None
    try:
        return locate(data)
    except (ShadowMLXError, OSError):
        return None


def files_of(data: str) -> list[Path]:
    """The local files that a name of data stands for; ``[]`` for what is not here."""
    return list(locate_here(data) or ())


def split_files(path: Path) -> list[Path]:
    """The files of the data set that a file is a split of: itself, where its name is no split's."""
    names = {name for several in NAMES.values() for name in several}
    if path.stem in names and path.suffix in SUFFIXES:
        return [
            file
            for n in sorted(names)
            for s in SUFFIXES
            if (file := path.parent / (n + s)).is_file()
        ]
    return [path]


def refusal_of(data: str) -> str | None:
    """Why training would refuse these data at once, if it would; a hub id is not looked up."""
    try:
        if not is_hub_id(data):
            locate(data)
    except ShadowMLXError as error:
        return str(error)
    return None


def _one_file(path: Path) -> DataFiles:
    if kind := foreign_kind(path):
        raise DataError(f"{path}: {how_to_convert(path, kind)}")
    return DataFiles(path)


def _in_folder(folder: Path) -> DataFiles:
    found = {
        split: next((p for n in names for s in SUFFIXES if (p := folder / (n + s)).is_file()), None)
        for split, names in NAMES.items()
    }
    train = found["train"]
    if train is None:
        others = sorted(p for s in SUFFIXES for p in folder.glob("*" + s))
        known = {p for p in found.values() if p is not None}
        candidates = [p for p in others if p not in known]
        if len(candidates) != 1 or known:
            names = ", ".join(p.name for p in others[:8]) or "no .jsonl file at all"
            raise DataError(
                f"{folder}: no train.jsonl. Found {names}; expected train.jsonl and, if you like, "
                f"valid.jsonl and test.jsonl.{_tables(folder) if not others else ''}"
            )
        train = candidates[0]
    for path in filter(None, (train, found["valid"], found["test"])):
        _one_file(path)
    return DataFiles(train, found["valid"], found["test"])


def _tables(folder: Path) -> str:
    """What to do with the first table of a folder; empty without one."""
    for path in sorted(folder.iterdir()):
        if (kind := foreign_kind(path)) and kind not in DOCUMENTS:
            return f" {path.name} is {how_to_convert(path, kind)}."
    return ""


def is_hub_id(data: str) -> bool:
    """Whether ``data`` names nothing here, and has the form of an id on the hub."""
    try:
        path = home_expanded(data)
        return _may_be_hub_id(data) and not path.exists() and not path.parent.is_dir()
    except OSError:
        return False


def _may_be_hub_id(text: str) -> bool:
    parts = text.split("/")
    named = len(parts) == 2 and all(parts) and not text.endswith((*SUFFIXES, *BY_SUFFIX))
    return named and not parts[0].startswith((".", "~"))


def _suggestion(path: Path) -> str:
    if not path.parent.is_dir():
        return f" There is no folder {path.parent} either."
    known = {p.stem: p for p in path.parent.iterdir()} | {p.name: p for p in path.parent.iterdir()}
    close = difflib.get_close_matches(path.name, known, n=1)
    return f" Did you mean {known[close[0]]}?" if close else ""
