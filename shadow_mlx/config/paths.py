"""Paths as people write them, whichever way they come: flags, files, forms.

A path in the home folder is expanded here and nowhere else, and what can be no path on any disk is
refused before something is done with it. Names of the hub and of this package pass as they are.
"""

from __future__ import annotations

import os
from pathlib import Path

from shadow_mlx.errors import InputError

LONGEST_NAME = 255
LONGEST_PATH = 4096
"""In bytes, as far as any usual file system goes."""


def local_path(written: str | os.PathLike[str], what: str = "") -> str:
    """The path that somebody means, ``~`` and ``~user`` expanded.

    Args:
        written: A path; or a name that may stand where one is expected.
        what: By which flag it came, for the message.

    Raises:
        InputError: It is empty, too long, or no path, or there is no such user.
    """
    path, problem = expanded(written)
    if problem:
        raise InputError(f"{what}: {problem}" if what else problem)
    return path


def expanded(written: str | os.PathLike[str]) -> tuple[str, str | None]:
    """As :func:`local_path`: the path, and what is wrong with it or ``None``."""
    text = os.fspath(written)
    if not text.strip():
        return text, "is empty; expected a path or a name"
    if problem := _problem_of(text):
        return text, problem
    first = next(iter(Path(text).parts), "")  # "." has no parts
    if text.startswith("~"):
        try:
            text = str(Path(text).expanduser())
        except RuntimeError:
            if not os.path.lexists(text):
                who = f"there is no user {first[1:]!r}" if first[1:] else "there is no home folder"
                return (
                    text,
                    f"{_shown(text)}: {who}; a name that begins with ~ is written ./{first}",
                )
            text = str(Path(text).absolute())
    elif first.startswith("~"):  # ./~name: a later Path() would lose the dot
        text = str(Path(text).absolute())
    return text, _problem_of(text)


def _problem_of(path: str) -> str | None:
    if "\0" in path:
        return f"{_shown(path)}: holds a NUL character, which no path can"
    try:
        encoded = path.encode()
    except UnicodeEncodeError:  # no record of a run or an adapter could hold it
        return f"{_shown(path)}: not UTF-8 text; rename it, or set a UTF-8 locale (LC_ALL=C.UTF-8)"
    longest = max(map(len, encoded.split(os.sep.encode())))
    if longest > LONGEST_NAME or len(encoded) > LONGEST_PATH:
        return f"{_shown(path)}: longer than a file system takes"
    return None


def home_expanded(written: str | os.PathLike[str]) -> Path:
    """``~`` expanded where that is possible, and no complaint where it is not: for looking."""
    try:
        return Path(written).expanduser()
    except RuntimeError:
        return Path(written)


def local(name: str | os.PathLike[str]) -> Path | None:
    """The file or folder that a name stands for, if there is one.

    A name may be anything: one of a person who is not known here (``~nobody/x``), one that is too
    long, or a hub id.
    """
    try:
        path = home_expanded(name)
        return path if os.fspath(name) and path.exists() else None
    except (OSError, ValueError):
        return None


def absolute(name: str) -> str:
    """A name to remember: an absolute path where it stands for something here, else as it is."""
    path = local(name)
    return name if path is None else str(path.absolute())


def from_here(name: str) -> str:
    """A remembered name as a person would type it here: relative, for what lies below."""
    here = f"{Path.cwd()}{os.sep}"
    if name.startswith(here) and (rest := name.removeprefix(here)) and local(rest):
        return rest
    return name


def _shown(path: str) -> str:
    return repr(path) if len(path) <= 80 else repr(path[:79]) + "…"
