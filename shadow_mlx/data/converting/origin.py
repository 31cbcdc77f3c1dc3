"""Where a file of ours came from: a small file beside it, by which it is known as ours, too.

``talk.jsonl`` has ``talk.jsonl.origin``: the name, size and digest of the source, what was done
with it, and the digest of what was written. A file that is not as it was written is somebody's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shadow_mlx.errors import InputError
from shadow_mlx.files.declared import UnfitError, build
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.writing import check_writable, write_json

SUFFIX = ".origin"


@dataclass(frozen=True)
class Origin:
    """What is known of a file that this program made of another one.

    Attributes:
        sha256: Digest of the file as it was written.
        examples: Lines of it.
        source: Name of the file that it was made of.
        source_bytes: Its size.
        source_sha256: Its digest.
        action: What was done: convert, split, sample or shuffle.
        options: How, as far as that is not by default: column and other options as text.
        notes: What is left out, one sentence each by its number, in order.
    """

    sha256: str
    examples: int
    source: str
    source_bytes: int
    source_sha256: str
    action: str
    options: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """For a person: where the file came from, and what was left out on the way."""
        how = ", ".join(f"{name} {value}" for name, value in self.options.items())
        return [
            f"made of {self.source} ({self.action}{': ' if how else ''}{how})",
            *self.notes.values(),
        ]


@dataclass(frozen=True)
class Source:
    """A file that something is made of, as it was when it was read."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Source:
        """The file at ``path``, which is read for it."""
        return cls(path.name, path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def origin_path(path: Path) -> Path:
    """The file that says where ``path`` came from."""
    return path.with_name(path.name + SUFFIX)


def write_origin(
    path: Path,
    sha256: str,
    examples: int,
    source: Source,
    action: str,
    options: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> None:
    """Say beside a file where it came from; the arguments are those of :class:`Origin`."""
    values = {
        "sha256": sha256,
        "examples": examples,
        "source": source.name,
        "source_bytes": source.size,
        "source_sha256": source.sha256,
        "action": action,
        "options": {name: str(value) for name, value in options.items()},
        "notes": {f"{i:03}": note for i, note in enumerate(notes, 1)},
    }
    write_json(origin_path(path), values)


def read_origin(path: Path) -> Origin | None:
    """Where a file came from; ``None`` where nothing says so."""
    beside = origin_path(path)
    try:
        if beside.is_symlink() or not beside.is_file():
            return None
        return build(Origin, read_object(beside))
    except (OSError, JsonFileError, UnfitError):
        return None


def made_of(path: Path) -> list[str]:
    """Where a file came from, as sentences for a person; none where nothing says so."""
    known = read_origin(path)
    if known is None:
        return []
    first, *notes = known.sentences()
    return [first if known.sha256 == digest(path) else f"{first}, and changed since", *notes]


def is_ours(path: Path) -> bool:
    """Whether a file is as this program wrote it, so that it may be written anew."""
    if path.is_symlink() or not path.is_file():
        return False
    known = read_origin(path)
    return known is not None and known.sha256 == digest(path)


def check_free(path: Path) -> None:
    """Find out now whether ``path`` may be written.

    Raises:
        InputError: Something is there that this program did not write, or that was changed since.
        SurroundingsError: The disk refuses.
    """
    check_writable(path)
    beside = origin_path(path)
    if (path.exists() or path.is_symlink()) and not is_ours(path):
        raise InputError(
            f"{path}: is there already, and not as this program wrote it; it stays as it is. Move "
            "it away, or name another file with --output"
        )
    if beside.is_symlink() or (beside.exists() and read_origin(path) is None):
        raise InputError(
            f"{beside}: is no file of this program, which would write it; move it away, or name "
            "another file with --output"
        )
