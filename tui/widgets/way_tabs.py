"""A line of a page's parts, by key or by click; the one that is shown is in brackets."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget


class WayTabs(Widget):
    """As the tabs of the pages, one floor below them: a name's first letter is its key.

    Args:
        names: The parts.
        current: The one that is shown at first.
    """

    DEFAULT_CSS = """
    WayTabs { height: 1; }
    """

    class Chosen(Message):
        """A click on one of them."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str], current: str) -> None:
        super().__init__()
        self._names, self._current = names, current

    def show(self, current: str) -> None:
        """Another one is shown."""
        self._current = current
        self.refresh()

    def render(self) -> Text:
        """One line."""
        text = Text(no_wrap=True)
        for name, label in self._labels():
            text.append(label, "bold reverse" if name == self._current else "")
        return text

    def _labels(self) -> list[tuple[str, str]]:
        named = [(name, f"{name[0]} {name.title()}") for name in self._names]
        return [
            (name, f"[{said}]" if name == self._current else f" {said} ") for name, said in named
        ]

    def on_click(self, event: events.Click) -> None:
        """The part that was clicked."""
        x = event.x
        for name, label in self._labels():
            if 0 <= x < len(label):
                self.post_message(self.Chosen(name))
                return
            x -= len(label)
