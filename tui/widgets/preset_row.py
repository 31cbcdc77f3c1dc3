"""The presets of a form in one row, each with what it changes."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button, Label

from shadow_mlx.config.option import Options
from tui.views import presets
from tui.widgets.press_button import PressButton

ROOMY = 90
"""Columns from which on every preset says what it changes."""


class PresetRow(Horizontal):
    """Buttons that fill some of a form's fields; a full circle says which stands there.

    Args:
        group: The form's options.
    """

    DEFAULT_CSS = """
    PresetRow { height: 1; padding-left: 1; }
    PresetRow Button, PresetRow Button:focus { height: 1; min-width: 4; border: none; }
    PresetRow Button { width: auto; margin-right: 1; background: transparent; }
    PresetRow Button.-on { text-style: bold; }
    PresetRow Label { width: auto; padding: 0 1; color: $text-muted; }
    """

    class Chosen(Message):
        """A person wants a preset."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, group: type[Options], *, id: str) -> None:
        super().__init__(id=id)
        self._group = group
        self._current = ""

    def compose(self) -> ComposeResult:
        """A button for each, and what stands there if it is none of them."""
        for name in presets.names_of(self._group):
            button = PressButton(self._label(name), id=f"preset-{name}", compact=True)
            button.can_focus = False  # Tab goes to the fields; a key goes through the presets
            yield button
        yield Label("", id="preset-own", markup=False)

    @property
    def following(self) -> str:
        """The preset behind the one that stands in the form; behind none of them, the first."""
        names = presets.names_of(self._group)
        at = names.index(self._current) + 1 if self._current in names else 0
        return names[at % len(names)]

    def show(self, texts: Mapping[str, str]) -> None:
        """Say which of them stands in the form's fields."""
        self._current = presets.current(self._group, texts)
        for name in presets.names_of(self._group):
            button = self.query_one(f"#preset-{name}", Button)
            button.label = self._label(name)
            button.set_class(name == self._current, "-on")
        self.query_one("#preset-own", Label).update("" if self._current else "● your own")

    def on_resize(self) -> None:
        """What goes without saying is left out where there is little room."""
        for name in presets.names_of(self._group):
            button = self.query_one(f"#preset-{name}", Button)
            button.label = self._label(name)
            button.refresh(layout=True)  # of another width, which a new label alone does not make

    def _label(self, name: str) -> str:
        sign = "●" if name == self._current else "○"
        meaning = presets.meaning(self._group, name)
        if meaning == presets.UNCHANGED and self.app.size.width < ROOMY:
            return f"{sign} {name}"
        return f"{sign} {name}: {meaning}"

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A click."""
        event.stop()
        self.post_message(self.Chosen((event.button.id or "").removeprefix("preset-")))
