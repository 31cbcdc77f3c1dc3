"""What a newcomer sees in the place of runs: three framed cards."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, VerticalScroll
from textual.widgets import Static

from tui.widgets.pairs import pairs

WHAT = """\
A small language model learns your job from your examples, on this machine.

 attached   question ──▶ ┃ model + shadow ┃ ──▶ answer    the best answers
 detached   question ──▶ ┃ shadow ┃ ──▶ answer            small and quick

The model stays as it is; a small one beside it learns, its shadow. Alone it is \
a model of its own: for a phone, a robot, a server. Page 6 compares both."""
FIRST = [
    (
        "g",
        "a first run, all filled in: sprout, the model that comes along, learns to turn what "
        "people ask of a robot into commands. Then Enter starts it, and c talks with what came "
        "of it.",
    ),
]
OWN = [
    ("3", "your own data: chats, tables or texts"),
    ("4", "the training form"),
    ("2", "the models of this machine"),
    ("F1", "help, here and everywhere"),
]


class Card(Static):
    """A text in a frame with a title.

    Args:
        name: Of the card, for styles.
        title: What stands in the frame.
        content: The text, or keys with what they do.
    """

    def __init__(self, name: str, title: str, content: str | list[tuple[str, str]]) -> None:
        shown = content if isinstance(content, str) else pairs(content, "bold")
        super().__init__(shown, id=f"card-{name}", markup=False)
        self.border_title = title


class Welcome(VerticalScroll, can_focus=True):
    """What this is, and what to do; it has the keys while there is no run."""

    DEFAULT_CSS = """
    Welcome { height: 1fr; align: center middle; scrollbar-size-vertical: 1; }
    Welcome #cards { width: 90; max-width: 100%; height: auto; }
    Welcome Card { border: round $primary; padding: 0 1; height: auto; width: 1fr; }
    Welcome Card { border-title-style: bold; }
    Welcome #card-first { border: round $success; border-title-color: $text-success; }
    Welcome #ways { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """One card above two, or all of them under each other."""
        with Container(id="cards"):
            yield Card("what", "Two models from one run", WHAT)
            with Horizontal(id="ways"):
                yield Card("first", "A first run", FIRST)
                yield Card("own", "Your own", OWN)
