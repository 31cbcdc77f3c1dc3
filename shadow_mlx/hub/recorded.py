"""Where the model is that an adapter or a run records: folders are moved, and trees of folders too.

A record is a folder or a hub id. A folder that is not where it was is looked for at the same place
relative to the adapter, since both are often moved together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from shadow_mlx.backbones.folder import is_model
from shadow_mlx.config.paths import home_expanded, local
from shadow_mlx.notes import note

_ANCESTORS = 4
"""How far above the adapter's folder a moved tree may begin."""

_SNAPSHOT = re.compile(r".*/models--([^/]+?)--([^/]+)/snapshots/[^/]+/?")


def find_folder(record: str, adapter: str | Path) -> Path | None:
    """The folder that ``record`` means, or ``None`` where there is none.

    It is taken from the working folder first, as it was written; then from the adapter's own; then
    its last parts are looked for beside the adapter and above, which is said in a note.

    Args:
        record: What an adapter's configuration says.
        adapter: The adapter's folder.
    """
    given = local(record)
    if given is not None and is_model(given):
        return given
    for folder in _moved(record, home_expanded(adapter)):
        if local(folder) is not None and is_model(folder):
            note(f"the adapter {adapter} records the backbone {record}; {folder} is taken for it")
            return folder
    return None


def hub_id_of_snapshot(record: str) -> str | None:
    """The hub id behind a folder of another machine's hub cache; else ``None``."""
    match = _SNAPSHOT.fullmatch(record)
    return f"{match[1]}/{match[2]}" if match else None


def _moved(record: str, adapter: Path) -> Iterator[Path]:
    parts = [part for part in Path(record).parts if part not in ("/", "~", ".", "..")]
    here = adapter.absolute()
    above = [here, *here.parents][: _ANCESTORS + 1]
    for start in range(len(parts)):
        # One name alone is no place: only right beside the adapter it says something.
        for folder in above if len(parts) - start > 1 else above[:2]:
            yield folder.joinpath(*parts[start:])
