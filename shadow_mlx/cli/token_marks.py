"""The parts of an example in a terminal: colours, or marks where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.data.dataset import Example
    from shadow_mlx.data.stretches import Stretch

LEGEND = "[[ … ]] is trained; ⏹ where it ends with the token that ends a turn"
_COLOURS = {"answer": "\x1b[4;32m", "end": "\x1b[7;32m"}  # underlined, reversed: not colour alone
_PLAIN = "\x1b[0m"


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
