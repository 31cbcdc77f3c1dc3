"""Names that people type, as paths: good from any folder, and never an exception."""

from __future__ import annotations

import os
from pathlib import Path

from shadow_mlx.config.paths import home_expanded as expanded

__all__ = ["absolute", "expanded", "local", "shown"]


def local(name: str) -> Path | None:
    """The file or folder that a name stands for, if there is one.

    A name may be anything: one of a person who is not known here (``~nobody/x``), one that is too
    long, or a hub id.
    """
    try:
        path = expanded(name)
        return path if name and path.exists() else None
    except (OSError, ValueError):
        return None


def absolute(name: str) -> str:
    """A name to remember: an absolute path where it stands for something here, else as it is."""
    path = local(name)
    return name if path is None else str(path.absolute())


def shown(name: str) -> str:
    """A remembered name as a person would type it here: relative, for what lies below."""
    here = f"{Path.cwd()}{os.sep}"
    if name.startswith(here) and (rest := name.removeprefix(here)) and local(rest):
        return rest
    return name
