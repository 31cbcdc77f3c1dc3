"""Files that a reader, or a crash, never sees half of: write beside, flush, rename.

A failing disk becomes one :class:`~shadow_mlx.errors.SurroundingsError`; what was there before the
write is still there after it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from shadow_mlx.errors import InputError, SurroundingsError

if TYPE_CHECKING:
    import mlx.core as mx

TEMPORARY_SUFFIX = ".tmp"

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would grow beyond the allowed size",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.EISDIR: "a folder stands where a file is needed",
    errno.EIO: "the disk reports an input/output error",
}


@contextmanager
def disk_errors(path: str | os.PathLike[str], action: str = "write") -> Iterator[None]:
    """Turn an ``OSError`` of the block into one :class:`SurroundingsError` that names ``path``."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise SurroundingsError(
            f"{path}: cannot {action}: {reason}. Nothing that was there before is lost."
        ) from error


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that appears at ``path`` complete, or not at all.

    Missing parent folders are made.

    Raises:
        SurroundingsError: The disk is full, read-only, or otherwise refuses.
    """
    path = Path(path)
    temporary = _beside(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            _discard(temporary)
        _sync_folder(path.parent)


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder that appears at ``path`` complete, or not at all; an older one is replaced.

    The block fills the folder it is given, with the functions of this module (which flush).

    Raises:
        SurroundingsError: The disk is full, read-only, or otherwise refuses.
    """
    path = Path(path)
    temporary, replaced = _beside(path), _beside(path, ".old")
    with disk_errors(path):
        _discard(temporary)
        temporary.mkdir(parents=True)
        try:
            yield temporary
            _sync_folder(temporary)
            if path.exists():
                path.rename(replaced)
            temporary.rename(path)
        finally:
            _discard(temporary)
            _discard(replaced)
        _sync_folder(path.parent)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out now whether :func:`atomic_file` can write there later; nothing is left behind.

    Raises:
        InputError: A folder has that name.
        SurroundingsError: The disk refuses.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: a folder; give the name of a file, such as {path / 'NAME'}")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    with disk_errors(path), tempfile.TemporaryFile(dir=folder):
        pass


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as file:
        file.write(text.encode())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write ``value`` atomically as indented JSON, keys in order."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def save_safetensors(
    path: str | os.PathLike[str],
    arrays: Mapping[str, mx.array],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write arrays atomically, under exactly the name given.

    ``mx.save_safetensors`` appends a suffix to names and reports no failed write; to an open file
    it does neither.
    """
    import mlx.core as mx

    with atomic_file(path) as file:
        mx.save_safetensors(file, dict(arrays), dict(metadata or {}))


def remove_folder(path: Path) -> None:
    """Remove a folder so that no reader sees half of it: it is renamed away first."""
    if path.exists():
        with disk_errors(path, "remove it"):
            aside = _beside(path, ".old")
            path.rename(aside)
            _discard(aside)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left in ``folder``; only under a lock on it."""
    if folder.is_dir():
        with disk_errors(folder, "clean up"):
            for entry in folder.iterdir():
                if entry.name.startswith(".") and entry.name.endswith(TEMPORARY_SUFFIX):
                    _discard(entry)


def _beside(path: Path, mark: str = "") -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{mark}{TEMPORARY_SUFFIX}")


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
