"""The line between two panes: dragged by the mouse or moved by a key, and found there again."""

from __future__ import annotations

from typing import cast

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

LEAST = 3
"""Cells that are left of a pane at least, so that it can be pulled out again."""

LARGEST = "80%"
"""Share of both panes that the second one may take, also when the terminal shrinks later."""


class Divider(Widget):
    """Put between two panes; the second one gets the size that is asked for, the first the rest.

    While it is not displayed (panes that stand otherwise on a narrow screen), both panes have the
    sizes that their styles give them.

    Args:
        pane: The name under which the size is remembered between starts, by who hears of it.
        rows: The panes stand above each other instead of side by side.

    Attributes:
        pane: See above.
        wanted: The size in cells that the second pane takes when it is shown; anything but a
            number leaves it to the styles.
    """

    DEFAULT_CSS = """
    Divider { width: 1; height: 100%; color: $panel-lighten-2; }
    Divider.-rows { width: 100%; height: 1; }
    Divider:hover, Divider.-held { color: $primary; }
    """

    class Moved(Message):
        """The second pane has another size, in cells."""

        def __init__(self, pane: str, size: int) -> None:
            super().__init__()
            self.pane, self.size = pane, size

    def __init__(self, pane: str, *, rows: bool = False) -> None:
        super().__init__(classes="-rows" if rows else "")
        self.pane = pane
        self.wanted: object = None
        self._rows = rows
        self._held: tuple[int, int] | None = None  # the mouse and the pane's size when it began
        self._due: int | None = None  # the size that the last key asked for, until it is laid out
        self.tooltip = "drag it, or F9 and F10"

    def render(self) -> Text:
        """A line."""
        if self._rows:
            return Text("─" * self.size.width, no_wrap=True)
        return Text("\n".join("│" * self.size.height))

    def on_show(self) -> None:
        """Take the remembered size."""
        if isinstance(self.wanted, int):
            self._resize(self.wanted)

    def on_hide(self) -> None:
        """Leave the sizes to the styles."""
        styles = self._second.styles
        for rule in ("width", "max_width", "height", "max_height"):
            styles.clear_rule(rule)

    def move(self, by: int) -> None:
        """Move the line by so many cells, to the right or down."""
        self._due = self._resize((self._current if self._due is None else self._due) - by)
        self._remember()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Hold it."""
        self._held = (self._place(event), self._current)
        self.capture_mouse()
        self.add_class("-held")
        event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pull it."""
        if self._held is not None:
            start, size = self._held
            self._resize(size + start - self._place(event))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let it go."""
        if self._held is not None:
            self._held = None
            self.release_mouse()
            self.remove_class("-held")
            self._remember()
            event.stop()

    @property
    def _second(self) -> Widget:
        """The pane behind the line."""
        siblings = list(cast(Widget, self.parent).children)
        return siblings[siblings.index(self) + 1]

    @property
    def _current(self) -> int:
        size = self._second.outer_size
        return size.height if self._rows else size.width

    def _place(self, event: events.MouseEvent) -> int:
        return event.screen_y if self._rows else event.screen_x

    def _resize(self, size: int) -> int:
        whole = cast(Widget, self.parent).size
        most = (whole.height if self._rows else whole.width) - LEAST - 1
        size = max(LEAST, min(size, most))
        styles = self._second.styles
        if self._rows:
            styles.height, styles.max_height = size, LARGEST
        else:
            styles.width, styles.max_width = size, LARGEST
        return size

    def _remember(self) -> None:
        def tell() -> None:
            self.wanted, self._due = self._current, None
            self.post_message(self.Moved(self.pane, self._current))

        self.call_after_refresh(tell)  # what the pane really got
