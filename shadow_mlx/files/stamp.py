"""What tells a model's or an adapter's files from those that stand there later."""

from __future__ import annotations

import hashlib
from pathlib import Path

READ = ("*.safetensors", "*.json", "*.jinja", "*.txt")
"""Files of a model or an adapter that decide what it answers."""


def files_stamp(*folders: str | Path | None) -> str:
    """Names, sizes and times of what is read in these folders, as one short text."""
    found = sorted(
        (path.name, path.stat().st_size, path.stat().st_mtime_ns)
        for folder in folders
        if folder is not None
        for pattern in READ
        for path in Path(folder).glob(pattern)
        if path.is_file()
    )
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]
