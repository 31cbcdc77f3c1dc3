"""An example in the parts that a person tells apart: what is given, what is answered, the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal, NamedTuple

from shadow_mlx.data.dataset import Example

Part = Literal["prompt", "answer", "end"]


class Stretch(NamedTuple):
    """Tokens ``[start, end)`` of one part, and their text."""

    part: Part
    start: int
    end: int
    text: str


def stretches(tokenizer: Any, example: Example, stop: Collection[int]) -> Iterator[Stretch]:
    """An example in its parts. ``stop`` are the tokens that end a turn."""
    tokens = example.tokens.tolist()
    parts: list[Part] = []
    for i, (token, trained) in enumerate(zip(tokens, example.supervised.tolist(), strict=True)):
        last = i + 1 == len(tokens) or not example.supervised[i + 1]
        ends = trained and last and token in stop
        parts.append("end" if ends else "answer" if trained else "prompt")
    start, before = 0, ""
    for end in range(1, len(tokens) + 1):
        if end == len(tokens) or parts[end] != parts[start]:
            # decoding from the beginning: a token alone may lack its space, or half a character
            text = str(tokenizer.decode(tokens[:end]))
            yield Stretch(parts[start], start, end, text[len(before) :])
            start, before = end, text
