"""What a newcomer sees in the place of runs: three framed cards."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.widgets import Static

WHAT = """\
A small language model learns your job from your examples. One run makes two models:

  attached   question ──▶ ┃ model + shadow ┃ ──▶ answer   the best answers
  detached   question ──▶ ┃ shadow ┃ ──▶ answer   alone: much smaller, quicker

The model stays as it is; beside it a small one learns, its shadow. The shadow
can leave: for a phone, a robot, a server. How good each is, page 6 measures."""
FIRST = """\
g  a first run, all filled in: sprout, the model that
   comes along, learns to turn what people ask of a
   robot into commands. Then Enter starts it, and
   c talks with what came of it."""
OWN = """\
3  your own data: JSON Lines of chats
4  the training form
2  the models of this machine
F1 help, here and everywhere"""

CARDS = {"what": ("shadow-mlx", WHAT), "first": ("A first run", FIRST), "own": ("Your own", OWN)}


class Card(Static):
    """A text in a frame with a title."""

    def __init__(self, name: str) -> None:
        title, text = CARDS[name]
        super().__init__(text, id=f"card-{name}", markup=False)
        self.border_title = title


class Welcome(VerticalScroll, can_focus=True):
    """What this is, and what to do; it has the keys while there is no run."""

    DEFAULT_CSS = """
    Welcome { height: 1fr; align: center middle; scrollbar-size-vertical: 1; }
    Welcome #cards { width: 90; max-width: 100%; height: auto; }
    Welcome Card { border: round $primary; padding: 0 1; height: auto; width: 1fr; }
    Welcome Card { border-title-style: bold; border-title-color: $text-accent; }
    Welcome #card-first { border: round $success; border-title-color: $text-success; }
    Welcome #ways { height: auto; }
    Welcome #ways Card { height: 100%; }
    .-narrow Welcome #ways { layout: vertical; }
    .-narrow Welcome #ways Card, .-narrow Welcome Card { width: 100%; height: auto; }
    .-wide Welcome #card-what { padding: 1 2; }
    .-wide Welcome #ways Card { padding: 1 1; }
    """

    def compose(self) -> ComposeResult:
        """One card above two, or all of them under each other."""
        with Container(id="cards"):
            yield Card("what")
            with Horizontal(id="ways"):
                yield Card("first")
                yield Card("own")
