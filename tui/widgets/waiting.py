"""Messages that were sent before anybody could answer, in a line above the field."""

from __future__ import annotations

from textual.widgets import Static

from shadow_mlx.terminal import visible

SHOWN = 60
"""Characters of a message that the line shows."""


class Waiting(Static):
    """Keeps what was sent, oldest first, until it is asked or taken back.

    Attributes:
        texts: The messages.
    """

    DEFAULT_CSS = """
    Waiting { display: none; height: auto; max-height: 4; padding: 0 1; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        """One more."""
        self.texts.append(text)
        self._draw()

    def next(self) -> str:
        """Take the oldest one out."""
        text = self.texts.pop(0)
        self._draw()
        return text

    def take_back(self, after: str = "") -> str:
        """Take all of them out, to be written on: each in a line, ``after`` behind them."""
        texts = [*self.texts, after] if after else self.texts
        self.texts = []
        self._draw()
        return "\n".join(texts)

    def _draw(self) -> None:
        shown = [" ".join(visible(text).split()) for text in self.texts]
        lines = [f"waits: {s[:SHOWN]}{'…' if len(s) > SHOWN else ''}" for s in shown[:3]]
        if lines:
            more = f" · {len(shown) - 3} more" if len(shown) > 3 else ""
            lines[-1] += f"{more}  (esc takes back what waits)"
        self.display = bool(lines)
        self.update("\n".join(lines))
