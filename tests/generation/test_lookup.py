"""Prompt lookup against a search from the end of the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.generation.lookup import LENGTHS, Lookup


def searched(text: list[int], most: int) -> list[int]:
    """What followed the last occurrence of the longest ending that stood there before."""
    for length in LENGTHS:
        for place in range(len(text) - 1, length - 1, -1):
            if text[place - length : place] == text[-length:]:
                return text[place : place + most]
    return []


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 8))
def test_it_is_the_last_place_of_the_longest_ending(text: list[int], most: int) -> None:
    lookup = Lookup()
    for cut in range(len(text) + 1):
        assert lookup.offer(most) == searched(text[:cut], most)
        lookup.extend(text[cut : cut + 1])


def test_nothing_follows_what_was_never_said() -> None:
    assert Lookup([1, 2, 3, 4, 5]).offer(4) == []
    assert Lookup([1, 2, 3, 4, 1, 2]).offer(3) == [3, 4, 1]
