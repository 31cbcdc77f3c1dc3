"""Files that a reader, or a crash, never sees half of: write beside, flush, rename.

A failing disk becomes one :class:`~shadow_mlx.errors.SurroundingsError`; what was there before the
write is still there after it.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from shadow_mlx.errors import InputError, SurroundingsError

if TYPE_CHECKING:
    import mlx.core as mx

TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY_NAME = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)(\.old)?\.tmp")

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


def open_regular(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of a regular file in a folder of ours, made where there is none.

    A symbolic link is not followed, and what is no file is not opened: the file that would be
    written is another one than the name says.

    Args:
        path: The file.
        flags: As :func:`os.open` takes them, ``O_CREAT`` included where it may be made.

    Raises:
        InputError: Something else has that name.
        OSError: The system refuses.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO) or Path(path).is_symlink():
            raise InputError(_not_regular(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(_not_regular(path))
    return handle


def _not_regular(path: str | os.PathLike[str]) -> str:
    kind = "a symbolic link" if Path(path).is_symlink() else "not a regular file"
    return (
        f"{path}: is {kind}, and this program writes that file itself. Move it away, or name "
        "another place (--adapter-path, --report)."
    )


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
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:  # a new file: no link is followed
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
    """Write ``value`` atomically as indented JSON, keys in order.

    Letters stay as they are, unless there are bytes of a path among them that are no text.
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, sort_keys=True)
    write_text(path, text + "\n")


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


def load_safetensors(path: str | os.PathLike[str]) -> dict[str, mx.array]:
    """The arrays of a file, read when they are used, whatever bytes its name is made of.

    ``mx.load`` takes only names that are UTF-8 text.

    Raises:
        OSError: The file cannot be opened.
        RuntimeError: It is broken.
        ValueError: It is broken.
    """
    import mlx.core as mx

    with Path(path).open("rb") as file:
        loaded = mx.load(file, format="safetensors")
    assert isinstance(loaded, dict)  # what a safetensors file gives
    return loaded


def remove_folder(path: Path) -> None:
    """Remove a folder so that no reader sees half of it: it is renamed away first."""
    if path.exists():
        with disk_errors(path, "remove it"):
            aside = _beside(path, ".old")
            path.rename(aside)
            _discard(aside)


def remove_leftovers(folder: Path, written: Callable[[str], bool]) -> None:
    """Remove what killed writers left in ``folder``; only under a lock on it.

    Args:
        folder: Where; it may be missing.
        written: Whether the program writes a file or a folder of this name there. What others call
            temporary stays, and so does what belongs to a process that lives.
    """
    if folder.is_dir():
        with disk_errors(folder, "clean up"):
            for entry in folder.iterdir():
                parts = _TEMPORARY_NAME.fullmatch(entry.name)
                if parts and written(parts["name"]) and not lives(int(parts["process"])):
                    _discard(entry)


def is_leftover(name: str, written: Callable[[str], bool]) -> bool:
    """Whether ``name`` is that of a half-written file or folder whose own name is ``written``."""
    parts = _TEMPORARY_NAME.fullmatch(name)
    return parts is not None and written(parts["name"])


def lives(process: int) -> bool:
    """Whether another process of this number exists; the caller's own has its number anew."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _beside(path: Path, mark: str = "") -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}{mark}{TEMPORARY_SUFFIX}")


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
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
