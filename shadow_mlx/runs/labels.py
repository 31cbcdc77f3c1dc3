"""What a person wrote on a run: a name, a note, a mark; in a small file of the run's own folder.

Every front end shows them, and any may change them. A file that cannot be read is no label: a list
of runs does not fail at it.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.errors import InputError
from shadow_mlx.files.json_files import JsonFileError, parse_object
from shadow_mlx.files.writing import disk_errors, write_json
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.record import without_waiting

LONGEST_NAME = 60
LONGEST_NOTE = 2_000
"""Characters; what is longer is no name, and no note for a list."""

LARGEST = 1 << 16
"""Bytes of the file that are read; a larger one is not ours."""


@dataclass(frozen=True)
class Labels:
    """What a person says of a run. The name is for lists: the folder keeps its own."""

    name: str = ""
    note: str = ""
    marked: bool = False


def labels_of(folder: Path) -> Labels:
    """The labels of a run; none where there are none, and of a damaged file what is sound."""
    try:
        with open(RunFolder(folder).labels, "rb", opener=without_waiting) as file:
            found = parse_object(file.read(LARGEST))
    except (OSError, ValueError, JsonFileError):  # ValueError: a name that no file can have
        return Labels()
    name, note = (_text(found.get(key)) for key in ("name", "note"))
    return Labels(name[:LONGEST_NAME], note[:LONGEST_NOTE], found.get("marked") is True)


def labels_changed(folder: Path) -> float:
    """When the labels were written, in seconds since the epoch; 0 where there are none."""
    with suppress(OSError, ValueError):
        return RunFolder(folder).labels.stat().st_mtime_ns / 1e9
    return 0.0


def relabel(
    folder: Path,
    *,
    name: str | None = None,
    note: str | None = None,
    marked: bool | None = None,
) -> Labels:
    """Change some labels of a run, and leave the others; empty text takes one away.

    Args:
        folder: The run's.
        name: Its name in lists.
        note: Anything worth remembering.
        marked: Whether it stands out in lists.

    Raises:
        InputError: There is no run in the folder, or a text is too long.
        SurroundingsError: The disk refuses.
    """
    run = RunFolder(folder)
    if not run.exists:
        raise InputError(f"{folder}: there is no run in this folder")
    given = {"name": name, "note": note}
    texts = {key: " ".join(text.split()) for key, text in given.items() if text is not None}
    for key, most in (("name", LONGEST_NAME), ("note", LONGEST_NOTE)):
        if len(texts.get(key, "")) > most:
            raise InputError(f"--{key}: {len(texts[key]):,} characters; at most {most:,} fit")
    former = labels_of(folder)
    labels = Labels(
        texts.get("name", former.name),
        texts.get("note", former.note),
        former.marked if marked is None else marked,
    )
    if labels == Labels():
        with disk_errors(run.labels, "remove"):
            run.labels.unlink(missing_ok=True)
    else:
        write_json(run.labels, dataclasses.asdict(labels))
    return labels


def _text(value: object) -> str:
    """A text of one line that a terminal can be given; else none."""
    if not isinstance(value, str):
        return ""
    with suppress(UnicodeEncodeError):  # half of a surrogate pair
        value.encode()
        return " ".join(value.split())
    return ""
