"""A file of lines that appears whole or not at all, and says beside it where it came from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from shadow_mlx.config.option import Options, flag_name
from shadow_mlx.data.converting.origin import Source, write_origin
from shadow_mlx.files.writing import atomic_file


class Lines:
    """The lines that are written; counts and digests them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.count = 0

    def write(self, line: bytes) -> None:
        """One line, without its newline."""
        whole = line + b"\n"
        self._file.write(whole)
        self._digest.update(whole)
        self.count += 1

    @property
    def sha256(self) -> str:
        """The digest of all lines so far."""
        return self._digest.hexdigest()


@contextmanager
def new_lines(
    path: Path,
    source: Source,
    action: str,
    options: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> Iterator[Lines]:
    """A file of lines at ``path``, and where it came from beside it.

    Args:
        path: The file, which is free or ours.
        source: What it is made of.
        action: What is done.
        options: How.
        notes: What is left out; read when the block ends.
    """
    with atomic_file(path) as file:
        lines = Lines(file)
        yield lines
    write_origin(path, lines.sha256, lines.count, source, action, options, notes)


def said(options: Options) -> dict[str, Any]:
    """The options that are not as by default, by flag; where the output is says the file itself."""
    return {
        flag_name(declared).removeprefix("--"): value
        for declared in dataclasses.fields(options)
        if declared.name != "output"
        and (value := getattr(options, declared.name)) != declared.default
    }
