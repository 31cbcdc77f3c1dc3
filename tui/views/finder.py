"""Finding data files: what was used lately, what lies nearby, what a typed path may become."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from shadow_mlx.config.paths import from_here, home_expanded, local
from shadow_mlx.data.reading.foreign import BY_SUFFIX, DOCUMENTS

SUFFIXES = (".jsonl", ".json", *BY_SUFFIX)
"""Of files that can be opened, or converted first."""

MODELS = {"config.json", "adapter_config.json"}
"""A folder with one of these is a model's: its texts and objects are no data."""

LIMIT = 3000
DEPTH = 5
SKIPPED = {"node_modules", "__pycache__", "checkpoints", "site-packages", "run"}


def nearby(folder: Path, limit: int = LIMIT) -> list[str]:
    """Data files below a folder, as paths relative to it; for a thread.

    Lines first, then tables, then what may be an array, then documents.
    """
    found: list[str] = []
    _walk(folder, "", DEPTH, limit, found)
    return sorted(found, key=_rank)


def _rank(name: str) -> int:
    """How likely a file of this name is data."""
    suffix = Path(name).suffix.lower()
    if suffix in (".jsonl", ".json"):
        return 0 if suffix == ".jsonl" else 2
    return 3 if BY_SUFFIX.get(suffix) in DOCUMENTS else 1


def recent(remembered: Iterable[str]) -> list[str]:
    """The data of those that are still there, as they are named from here; for a thread.

    Relative names of an older version are left out: they may stand for another file here.
    """
    return [from_here(name) for name in remembered if Path(name).is_absolute() and local(name)]


def _walk(folder: Path, prefix: str, depth: int, limit: int, found: list[str]) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    of_model = any(entry.name in MODELS for entry in entries)
    wanted = SUFFIXES[:1] if of_model else SUFFIXES
    for entry in entries:
        if len(found) >= limit:
            return
        if entry.name.startswith(".") or entry.name in SKIPPED:
            continue
        if entry.name.lower().endswith(wanted) and entry.is_file():
            found.append(prefix + entry.name)
        elif depth > 1 and entry.is_dir(follow_symlinks=False):
            _walk(Path(entry.path), f"{prefix}{entry.name}/", depth - 1, limit, found)


def completions(typed: str, suffixes: tuple[str, ...] | None = None, limit: int = 50) -> list[str]:
    """What a path that somebody types may become: folders, then files, any or with a suffix."""
    base = home_expanded(typed)
    folder, start = (base, "") if typed.endswith("/") else (base.parent, base.name)
    head = typed[: len(typed) - len(start)]
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: (not entry.is_dir(), entry.name))
    except (OSError, ValueError):
        return []
    names = [
        entry.name + ("/" if entry.is_dir() else "")
        for entry in entries
        if entry.name.startswith(start)
        and (start.startswith(".") or not entry.name.startswith("."))
        and (suffixes is None or entry.is_dir() or entry.name.endswith(suffixes))
    ]
    return [head + name for name in names[:limit]]


def is_path(typed: str) -> bool:
    """Whether the text is meant as a path, not as something to search for."""
    return typed.startswith(("/", "~", "./", "../"))


def fuzzy(typed: str, candidates: Iterable[str], limit: int = 50) -> list[str]:
    """The candidates that hold the letters of ``typed`` in order, best first.

    Letters that stand together, begin a word, or stand in the file's name count more. Textual's
    ``FuzzySearch`` goes through all ways in which the letters can be found: three hundred paths
    took it 4.4 s where this takes 1 ms.
    """
    if not typed:
        return list(candidates)[:limit]
    scored = [
        (score, i, text) for i, text in enumerate(candidates) if (score := _score(typed, text))
    ]
    scored.sort(key=lambda item: (-item[0], item[1]))
    return [text for _, _, text in scored[:limit]]


def _score(typed: str, text: str) -> float:
    query, lower = typed.lower().replace(" ", ""), text.lower()
    name_start = lower.rfind("/") + 1
    best = 0.0
    for origin in {name_start, 0}:
        score, at, previous = 0.0, origin, -2
        for letter in query:
            at = lower.find(letter, at)
            if at < 0:
                score = 0.0
                break
            score += 1 + 2 * (at == previous + 1) + (at == 0 or lower[at - 1] in "/-_. ")
            score += at >= name_start
            previous, at = at, at + 1
        best = max(best, score)
    return best


def unique(*lists: Sequence[str]) -> list[str]:
    """All of them, each once, in order."""
    return list(dict.fromkeys(item for one in lists for item in one))
