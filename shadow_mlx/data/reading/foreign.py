"""Files that are no JSON Lines but can be written as such: told by their names and beginnings."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Literal

from shadow_mlx.config.paths import from_here
from shadow_mlx.data.reading.beginnings import bare, begins_array, is_object, marked_encoding

ForeignKind = Literal["csv", "tsv", "parquet", "json", "text", "markdown"]

WORDS: dict[ForeignKind, str] = {
    "csv": "a CSV table",
    "tsv": "a TSV table",
    "parquet": "a Parquet table",
    "json": "a JSON array",
    "text": "a plain text",
    "markdown": "a Markdown document",
}

BY_SUFFIX: dict[str, ForeignKind] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
}

DOCUMENTS: tuple[ForeignKind, ...] = ("text", "markdown")
"""Kinds without columns: a text is split into several."""

SEPARATED: tuple[ForeignKind, ...] = ("csv", "tsv")
"""Kinds whose cells stand in lines, with something between them."""

CONVERTIBLE = "CSV, TSV, Parquet, JSON arrays, plain text and Markdown"

_FIRST = 1 << 16  # bytes that are looked at
_PARQUET = b"PAR1"


def foreign_kind(path: Path) -> ForeignKind | None:
    """What a file is that has to be converted; ``None`` for JSON Lines and what nobody knows.

    A file whose first line is a JSON object is JSON Lines, whatever it is called.
    """
    try:
        if not path.is_file():  # a pipe would wait for its writer
            return None
        with path.open("rb") as file:
            head = file.read(_FIRST)
    except OSError:
        return None
    if head.startswith(_PARQUET):
        return "parquet"
    # as UTF-8, without the half of a character that may stand where it was cut
    text = head.decode(marked_encoding(head) or "utf-8", errors="ignore").encode()
    lines = [line for raw in text.split(b"\n") if (line := bare(raw))]
    if lines and lines[0].startswith(b"[") and begins_array(lines[0], alone=len(lines) == 1):
        return "json"
    kind = BY_SUFFIX.get(path.suffix.lower())
    return None if kind and lines and _is_object(lines[0]) else kind


def _is_object(line: bytes) -> bool:
    """Whether a line is a JSON object, or the beginning of one that is longer than what is read."""
    if len(line) >= _FIRST // 2:
        return line.startswith(b'{"')
    return is_object(line)


def how_to_convert(path: Path, kind: ForeignKind) -> str:
    """One sentence: what a file is, and the command that makes it one that is read."""
    return (
        f"{WORDS[kind]}, and training reads JSON Lines: {convert_command(path)} writes them "
        "beside it"
    )


def convert_command(path: Path) -> str:
    """The command that converts a file."""
    return f"shadow-mlx data convert {shlex.quote(from_here(str(path)))}"
