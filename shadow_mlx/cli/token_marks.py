"""An example as people read it: what is given, what is answered, where the turn ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.data.dataset import Example

Part = Literal["prompt", "answer", "end"]
LEGEND = "[[ … ]] is trained; ⏹ where it ends with the token that ends a turn"
_COLOURS = {"answer": "\x1b[4;32m", "end": "\x1b[7;32m"}  # underlined, reversed: not colour alone
_PLAIN = "\x1b[0m"


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


def as_text(parts: list[Stretch], coloured: bool) -> str:
    """The whole text, safe for a terminal, with what is trained marked."""
    shown = []
    for i, stretch in enumerate(parts):
        text = visible(stretch.text)
        if stretch.part == "prompt":
            shown.append(text)
        elif coloured:
            shown.append(_COLOURS[stretch.part] + text + _PLAIN)
        else:
            opens = i == 0 or parts[i - 1].part == "prompt"
            closes = i + 1 == len(parts) or parts[i + 1].part == "prompt"
            mark = "⏹" if stretch.part == "end" else ""
            shown.append(("[[" if opens else "") + text + ("]]" + mark if closes else ""))
    return "".join(shown)


def as_ids(tokenizer: Any, example: Example, parts: list[Stretch]) -> str:
    """Each part's token ids, each with its token."""
    lines = []
    for stretch in parts:
        ids = example.tokens[stretch.start : stretch.end].tolist()
        words = (visible(repr(str(tokenizer.decode([i])))[1:-1]) for i in ids)
        pairs = (f"{number} {word}" for number, word in zip(ids, words, strict=True))
        lines.append(f"{stretch.part:>6}  " + " · ".join(pairs))
    return "\n".join(lines)
