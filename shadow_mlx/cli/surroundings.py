"""What every command needs of the system it runs on, looked at before anything heavy is loaded.

The libraries below fail on these with tracebacks of their own, some of them while being imported.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from shadow_mlx.errors import SurroundingsError

# Where the C++ library looks for the folder of temporary files, in its order.
_TEMPORARY = ("TMPDIR", "TMP", "TEMP", "TEMPDIR")
_OPEN_FILES = (2048, 4096)
"""The soft and hard limit that MLX-LM sets itself when it is imported."""


def check_surroundings() -> None:
    """Refuse to begin where the work could not end.

    Raises:
        SurroundingsError: The working folder is gone, there is no folder for temporary files, or
            the process may open too few files.
    """
    _check_working_folder()
    _check_temporary_folder()
    _check_open_files()


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise SurroundingsError(
            f"the folder that you are in cannot be used ({error.strerror}); change to another one"
        ) from None


def _check_temporary_folder() -> None:
    for name in _TEMPORARY:
        if not os.environ.get(name, "set"):
            del os.environ[name]  # empty is as good as not there, but not for everybody
    named = next((name for name in _TEMPORARY if name in os.environ), None)
    folder = os.environ[named] if named else "/tmp"
    if not Path(folder).is_dir():
        reason = "there is no such folder"
    elif not os.access(folder, os.W_OK | os.X_OK):
        reason = "it cannot be written to"
    else:
        return
    hint = f"set {named or 'TMPDIR'} to a folder for temporary files"
    raise SurroundingsError(f"{named or 'TMPDIR'} {folder}: {reason}; {hint}")


def _check_open_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY or hard >= _OPEN_FILES[1]:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    except (ValueError, OSError):
        raise SurroundingsError(
            f"this process may open {hard} files, and MLX-LM asks for {_OPEN_FILES[1]}; raise the "
            f"limit (ulimit -Hn {_OPEN_FILES[1]}) and try again"
        ) from None
