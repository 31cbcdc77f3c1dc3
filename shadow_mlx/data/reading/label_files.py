"""The labels of a data set, as its files tell: the names of numbers, and all that occur.

A hub data set keeps numbers in its lines and their names, ``ClassLabel``, in the head of its
``README.md``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.findings import Findings, empty
from shadow_mlx.data.reading.labels import MOST_LISTED, UNNAMED, Labels
from shadow_mlx.data.reading.lines import MAX_LINE, LineIndex
from shadow_mlx.data.reading.problems import InvalidDataError, whole_file
from shadow_mlx.data.reading.sources import split_files
from shadow_mlx.data.reading.strict_json import InvalidLineError, read_json

CARD = "README.md"
LARGEST_CARD = 1 << 20
"""Bytes of a card; the head of a data set with a thousand labels has fifty thousand."""


def labels_of(path: Path, columns: ColumnConfig) -> Labels:
    """What is known of a file's labels beside its lines.

    Raises:
        InvalidDataError: They are to be listed, and there are none, or too many.
    """
    named = Labels(_names(path, columns.label_feature or "label"))
    if not columns.list_labels:
        return named
    files = split_files(path)
    try:
        stamps = tuple((file, *_stamp(file)) for file in files)
    except OSError:
        return named  # said where the file itself is read
    found = _occurring(stamps, columns.label_feature or "label", named)
    if not found:
        raise whole_file(path, "no labels", "texts with labels (--list-labels lists those)")
    if len(found) > MOST_LISTED:
        expected = f"at most {MOST_LISTED} of them where --list-labels lists them"
        raise whole_file(path, f"{len(found):,} labels", expected)
    return dataclasses.replace(named, listed=found)


def _stamp(file: Path) -> tuple[int, int]:
    """What tells whether a file is still the same."""
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=8)
def _occurring(
    files: tuple[tuple[Path, int, int], ...], column: str, labels: Labels
) -> tuple[str, ...]:
    """The labels of some files, sorted: the same ones for each file of a data set."""
    found: set[str] = set()
    for file, *_ in files:
        try:
            lines = LineIndex(file)
        except InvalidDataError:
            continue  # said where the file itself is read
        found.update(_labels_in(lines, column, labels))
        lines.close()
    return tuple(sorted(found))


def _labels_in(lines: LineIndex, column: str, labels: Labels) -> Iterator[str]:
    """The labels of the lines that have one; what is wrong with the others is said elsewhere."""
    for i in range(len(lines)):
        if lines.length(i) > MAX_LINE:
            continue
        try:
            value = read_json(lines.read(i))
        except InvalidLineError:
            continue
        if isinstance(value, dict) and not empty(value.get(column)):
            label = labels.read(value[column], column, Findings())
            if label:
                yield label


def _names(path: Path, column: str) -> tuple[str, ...]:
    """The names of a column's numbers in the card of the folder, or of the one above ``data``."""
    folders = [path.parent, *([path.parent.parent] if path.parent.name == "data" else [])]
    for folder in folders:
        card = folder / CARD
        try:
            return _names_in(card, *_stamp(card), column)
        except OSError:
            continue
    return UNNAMED.names


@lru_cache(maxsize=8)
def _names_in(card: Path, _changed: int, size: int, column: str) -> tuple[str, ...]:
    import yaml

    if size > LARGEST_CARD:
        return ()
    text = card.read_text(encoding="utf-8", errors="replace")
    head = text.split("\n---", 1)[0] if text.startswith("---\n") else ""
    if "class_label" not in head:
        return ()
    try:
        events = yaml.parse(head, Loader=yaml.BaseLoader)
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            return ()  # a few lines of them stand for gigabytes
        info = yaml.load(head, Loader=yaml.BaseLoader)  # text alone: 'no' is a name, not false
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    found = {_class_names(one, column) for one in _listed(_entry(info, "dataset_info"))} - {()}
    return found.pop() if len(found) == 1 else ()  # configurations that differ name nothing


def _class_names(info: Any, column: str) -> tuple[str, ...]:
    """The names of one configuration's column, in the order of their numbers."""
    for feature in _listed(_entry(info, "features")):
        if _entry(feature, "name") == column:
            names = _entry(_entry(_entry(feature, "dtype"), "class_label"), "names")
            if isinstance(names, Mapping):
                names = [names.get(str(i)) for i in range(len(names))]
            if isinstance(names, list) and all(name and isinstance(name, str) for name in names):
                return tuple(names)
    return ()


def _entry(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, Mapping) else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
