"""``draft_tokens.json`` beside an adapter: the tokens that its training data's answers use.

No format of adapters has a place for them, and PEFT passes over the file. Nothing depends on it but
how soon drafts are chosen by a small head: where it is missing, of another vocabulary or damaged,
the head begins with the tokens of the prompt.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

from shadow_mlx import words
from shadow_mlx.checkpoints.record import FORMAT, OURS
from shadow_mlx.files.json_files import JsonFileError, kind_of, read_object
from shadow_mlx.files.writing import write_json
from shadow_mlx.notes import note
from shadow_mlx.runs.folder import DRAFT_TOKENS
from shadow_mlx.shadow.draft_tokens import MOST, DraftTokens

LARGEST = 1 << 20
"""Bytes; the most tokens with the longest numbers have a fifth of that."""

_LARGEST_COUNT = 2**53


def write_draft_tokens(folder: Path, tokens: DraftTokens, vocabulary: int) -> None:
    """Write the file, whole or not at all.

    Args:
        folder: The adapter's.
        tokens: What it says.
        vocabulary: Rows of the backbone's table of embeddings.

    Raises:
        SurroundingsError: The disk refuses.
    """
    own = {"format": FORMAT, "vocabulary": vocabulary}
    values = {OURS: own, "tokens": list(tokens.ids), "counts": list(tokens.counts)}
    write_json(folder / DRAFT_TOKENS, values)


def read_draft_tokens(folder: Path, vocabulary: int) -> DraftTokens:
    """What the file beside an adapter says; nothing where there is none.

    Of one that cannot be used a person is told.

    Args:
        folder: The adapter's.
        vocabulary: See :func:`write_draft_tokens`.
    """
    path = folder / DRAFT_TOKENS
    if not path.is_file():
        return DraftTokens()
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise JsonFileError(f"too large ({words.size(size)})")
        return _checked(read_object(path), vocabulary)
    except (OSError, JsonFileError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        note(f"{path}: {reason}; drafts begin with the tokens of the prompt instead")
        return DraftTokens()


def _checked(values: dict[str, Any], vocabulary: int) -> DraftTokens:
    own, ids, counts = values.get(OURS), values.get("tokens"), values.get("counts")
    if not isinstance(own, dict) or own.get("format") is not FORMAT:
        raise JsonFileError(f"expected format {FORMAT} of shadow-mlx, found another")
    if own.get("vocabulary") != vocabulary:
        found = kind_of(own.get("vocabulary"))
        raise JsonFileError(f"of another vocabulary: expected {vocabulary:,} tokens, found {found}")
    if not _are_whole(ids, vocabulary) or len({*ids}) < len(ids):
        raise JsonFileError(f"tokens: expected up to {MOST:,} different ones below {vocabulary:,}")
    if (
        not _are_whole(counts, _LARGEST_COUNT)
        or len(counts) != len(ids)
        or any(one < following for one, following in pairwise(counts))
    ):
        raise JsonFileError("counts: expected one for each token, the largest first")
    return DraftTokens(tuple(ids), tuple(counts))


def _are_whole(values: Any, limit: int) -> TypeGuard[list[int]]:
    """Whether these are not too many whole numbers from 0 to below a limit."""
    return (
        isinstance(values, list)
        and len(values) <= MOST
        and all(type(one) is int and 0 <= one < limit for one in values)
    )
