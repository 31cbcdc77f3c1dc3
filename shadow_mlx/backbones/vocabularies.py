"""Whether the tokens of two tokenizers are the same, so that what one model says another reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def token_conflicts(theirs: Any, ours: Any) -> list[str]:
    """Where two tokenizers contradict each other, one line each; see :func:`conflicts`."""
    added = {**theirs.get_added_vocab(), **ours.get_added_vocab()}
    return conflicts(theirs.get_vocab(), ours.get_vocab(), added)


def conflicts(
    theirs: Mapping[str, int], ours: Mapping[str, int], added: Mapping[str, int]
) -> list[str]:
    """Where two vocabularies contradict each other, one line each.

    A token that was added to one of them alone (a marker of a template, say) contradicts nothing,
    as long as its number is nobody else's.

    Args:
        theirs: Numbers of the other's tokens by their text.
        ours: Numbers of those here.
        added: Those that were added to either.
    """
    by_number = {number: text for text, number in theirs.items()}
    found = []
    for text, number in ours.items():
        has = theirs.get(text)
        other = by_number.get(number)
        if has is not None and has != number:
            found.append(f"{text!r} is number {has} there and {number} here")
        elif other not in (None, text):
            found.append(f"number {number} is {other!r} there and {text!r} here")
        elif has is None and text not in added:
            found.append(f"{text!r} is not known there")
    found += [
        f"{text!r} is not known here"
        for text, number in theirs.items()
        if text not in ours and text not in added
    ]
    return found
