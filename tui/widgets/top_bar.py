"""The first line of every page: where one is, and where one can go, by key or by click."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import events
from textual.widget import Widget

if TYPE_CHECKING:
    from tui.app import ShadowApp


class TopBar(Widget):
    """Tabs of the pages. The current one is in brackets, so that no colour is needed."""

    DEFAULT_CSS = """
    TopBar { dock: top; height: 1; background: $panel; color: $foreground; }
    """

    def __init__(self, current: str) -> None:
        super().__init__()
        self._current = current

    @property
    def _pages(self) -> tuple[str, ...]:
        return cast("ShadowApp", self.app).pages

    def render(self) -> Text:
        """One line; narrow screens leave the program's name out."""
        parts = [("", -1)] if self.app.size.width < 90 else [(" shadow-mlx ", -1)]
        parts += [(self._label(i), i) for i in range(len(self._pages))]
        text = Text(no_wrap=True)
        for label, i in parts:
            here = i >= 0 and self._pages[i] == self._current
            text.append(label, style="bold reverse" if here else "bold" if i < 0 else "")
        return text

    def _label(self, i: int) -> str:
        name = f"{i + 1} {self._pages[i].title()}"
        return f"[{name}]" if self._pages[i] == self._current else f" {name} "

    def on_click(self, event: events.Click) -> None:
        """Go to the page that was clicked."""
        x = event.x - (0 if self.app.size.width < 90 else len(" shadow-mlx "))
        for i in range(len(self._pages)):
            width = len(self._label(i))
            if 0 <= x < width:
                self.app.call_later(self.app.run_action, f"go('{self._pages[i]}')")
                return
            x -= width
