"""Drafts without a model: what once followed the last words (prompt lookup).

Answers that quote the question, or themselves, are guessed rightly by looking; it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

LENGTHS = (4, 3, 2)
"""Tokens that must have stood together before; the longest find is taken."""


class Lookup:
    """A text as it grows, and where its runs of tokens were last followed by something.

    Args:
        text: Token ids to begin with.
    """

    def __init__(self, text: Iterable[int] = ()) -> None:
        self._text: list[int] = []
        self._follows: dict[tuple[int, ...], int] = {}
        self.extend(text)

    def extend(self, tokens: Iterable[int]) -> None:
        """Go on with the text."""
        for token in tokens:
            place = len(self._text)
            for length in LENGTHS:  # what ended before this token is followed now
                if place >= length:
                    self._follows[tuple(self._text[place - length :])] = place
            self._text.append(token)

    def offer(self, most: int) -> list[int]:
        """At most ``most`` tokens that followed what the text ends with; none where nothing did."""
        for length in LENGTHS:
            if len(self._text) < length:
                continue
            place = self._follows.get(tuple(self._text[-length:]))
            if place is not None:
                return self._text[place : place + most]
        return []
