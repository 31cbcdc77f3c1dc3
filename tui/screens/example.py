"""One example of a comparison on the whole screen, and from it to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.views import comparison
from tui.widgets.key_line import KeyLine


class ExampleView(ModalScreen[int | None]):
    """Question, expected answer and all answers; gives back which example was seen last.

    Args:
        examples: Those that can be turned to.
        place: The one to begin with.
    """

    DEFAULT_CSS = """
    ExampleView { background: $background; }
    ExampleView #place { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    ExampleView VerticalScroll { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "turn(1)", "Next", key_display="n"),
        Binding("b,left", "turn(-1)", "Before", key_display="b"),
        Binding("escape,enter", "leave", "Back", key_display="esc"),
    ]

    def __init__(self, examples: Sequence[comparison.Example], place: int) -> None:
        super().__init__()
        self._examples, self._place = examples, place

    def compose(self) -> ComposeResult:
        """Which of how many, then the text."""
        yield Static(id="place", markup=False)
        with VerticalScroll():
            yield Static(id="whole", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        """Show the first one; the arrow keys scroll."""
        self.query_one(VerticalScroll).focus()
        self._show()

    def _show(self) -> None:
        place = Text(f" example {self._place + 1} of {len(self._examples)}")
        self.query_one("#place", Static).update(place)
        self.query_one("#whole", Static).update(comparison.detail(self._examples[self._place]))
        self.query_one(VerticalScroll).scroll_home(animate=False)

    def action_turn(self, by: int) -> None:
        """The next example, or the one before."""
        self._place = (self._place + by) % len(self._examples)
        self._show()

    def action_leave(self) -> None:
        """Back to the list, at this example."""
        self.dismiss(self._place)
