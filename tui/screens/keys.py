"""Other keys for the actions of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Static

from tui.screens.base import Ui, ui_of
from tui.widgets.tables import fill


@dataclass(frozen=True)
class Bound:
    """An action whose keys can be changed: its binding's id, what it does, and its keys now."""

    id: str
    what: str
    keys: tuple[str, ...]


def bound_on(page: Screen[Any], changed: Mapping[str, str]) -> list[Bound]:
    """The actions of a page, of what is on it and of the application, with their keys.

    ``changed`` maps ids of bindings to the keys that they have instead of their first ones.
    """
    found: dict[str, Bound] = {}
    classes = {kind for node in (page.app, page, *page.query("*")) for kind in type(node).__mro__}
    for kind in classes:
        for one in vars(kind).get("BINDINGS", ()):
            if isinstance(one, Binding) and one.id and one.description:
                key = changed.get(one.id, one.key)
                found[one.id] = Bound(one.id, one.description, tuple(key.split(",")))
    return sorted(found.values(), key=lambda bound: bound.what)


class PressKey(ModalScreen[str | None]):
    """Waits for one key, and gives its name; Escape gives none."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def compose(self) -> ComposeResult:
        """The question."""
        with Vertical(classes="dialog"):
            yield Static(f"Press the new key for: {self._what}\nEscape keeps the old one.")

    def on_key(self, event: events.Key) -> None:
        """The answer."""
        event.stop()
        self.dismiss(None if event.key == "escape" else event.key)


class KeysDialog(ModalScreen[None]):
    """The actions with their keys: Enter asks for another key, Backspace takes the first one again.

    Args:
        page: The screen whose actions are listed.
    """

    DEFAULT_CSS = "KeysDialog DataTable { height: auto; max-height: 14; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("backspace,delete", "reset", "Reset"),
    ]

    def __init__(self, page: Screen[Any]) -> None:
        super().__init__()
        self._page = page
        self._bound: list[Bound] = []

    def compose(self) -> ComposeResult:
        """The table below what can be done."""
        with Vertical(classes="dialog"):
            yield Static("Enter: another key · Backspace: the first one again · Escape: back")
            yield DataTable(cursor_type="row")

    def on_mount(self) -> None:
        """Fill the table."""
        self._draw()

    @property
    def _ui(self) -> Ui:
        return ui_of(self)

    def _draw(self) -> None:
        self._bound = bound_on(self._page, self._ui.state.keys)
        table = self.query_one(DataTable)
        row = table.cursor_row
        rows = [(one.what, " or ".join(one.keys)) for one in self._bound]
        fill(table, ("Action", "Key"), rows)
        table.move_cursor(row=row)

    @work
    async def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Ask for the key of this action."""
        one = self._bound[event.cursor_row]
        key = await self.app.push_screen_wait(PressKey(one.what))
        taken = next((other.what for other in self._bound if key in other.keys), None)
        if key is None or key in one.keys:
            return
        if taken is not None:
            self._ui.tell(f"{key} is the key of: {taken}. Change that one first.", "warning")
        else:
            self._bind({**self._ui.state.keys, one.id: key})

    def action_reset(self) -> None:
        """The action under the cursor has its first key again."""
        one = self._bound[self.query_one(DataTable).cursor_row]
        self._bind({name: key for name, key in self._ui.state.keys.items() if name != one.id})

    def _bind(self, keys: dict[str, str]) -> None:
        self._ui.bind_keys(keys)
        self._draw()

    def action_leave(self) -> None:
        """Back to the page."""
        self.dismiss()
