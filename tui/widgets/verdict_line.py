"""A line of a verdict: a sign, what it is about, and what is said of it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from shadow_mlx.terminal import visible

KINDS = {"✔": "-good", "!": "-doubtful", "✘": "-bad"}
"""Signs that have a colour; the sign says the same without it."""


class VerdictLine(Horizontal):
    """Says whether something is well.

    Args:
        about: What the line is about, in a word.

    Attributes:
        sign: ✔, ! or ✘; ``…`` while it is looked at, ``·`` where it cannot be told.
        said: The rest of the line.
    """

    DEFAULT_CSS = """
    VerdictLine { height: auto; padding: 0 1; }
    VerdictLine .about { width: 10; text-style: bold; }
    VerdictLine .said { width: 1fr; height: auto; }
    VerdictLine.-good .about { color: $text-success; }
    VerdictLine.-doubtful .about { color: $text-warning; }
    VerdictLine.-bad .about { color: $text-error; }
    """

    def __init__(self, about: str, *, id: str) -> None:
        super().__init__(id=id)
        self.about, self.sign, self.said = about, "", ""

    def compose(self) -> ComposeResult:
        """Sign and subject; what is said."""
        yield Static(f"  {self.about}", classes="about", markup=False)
        yield Static(classes="said", markup=False)

    def tell(self, sign: str, said: str) -> None:
        """Say it."""
        if (self.sign, self.said) == (sign, said):
            return
        self.sign, self.said = sign, said
        for one, kind in KINDS.items():
            self.set_class(one == sign, kind)
        about, text = self.query(Static)
        about.update(f"{sign} {self.about}")
        text.update(visible(said))
