"""What is asked before a comparison: which adapters, which test file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, SelectionList, Static
from textual.widgets.selection_list import Selection

from shadow_mlx.terminal import visible
from tui import bridge


class AdapterPicker(ModalScreen[tuple[str, ...] | None]):
    """Marks any number of adapters: known runs in a list, others by their path.

    Args:
        known: Folders to offer.
        chosen: Those that are marked at first.
    """

    DEFAULT_CSS = """
    AdapterPicker SelectionList { height: auto; max-height: 10; border: none; padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("ctrl+s", "take", "Compare these", priority=True),
    ]

    def __init__(self, known: Sequence[str], chosen: Sequence[str]) -> None:
        super().__init__()
        self._known = list(dict.fromkeys([*chosen, *known]))
        self._chosen = set(chosen)

    def compose(self) -> ComposeResult:
        """The list, a field for another path, and the key that takes them."""
        with Vertical(classes="dialog"):
            yield Static("Adapters to compare (space marks one):")
            yield SelectionList[str](
                *(_selection(folder, folder in self._chosen) for folder in self._known)
            )
            yield Input(placeholder="another folder (Enter adds it)", compact=True, id="folder")
            yield Static(id="wrong", markup=False, classes="problem")
            yield Button("Compare these (ctrl+s)", id="take", variant="primary")

    def on_mount(self) -> None:
        """The list first, unless there is nothing in it."""
        self.query_one(SelectionList if self._known else Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Add a folder that holds an adapter, marked."""
        folder = str(Path(event.value.strip()).expanduser()) if event.value.strip() else ""
        marks = self.query_one(SelectionList)
        wrong = ""
        if not folder:
            self.action_take()
            return
        if not bridge.has_adapter(Path(folder)):
            wrong = f"{folder}: no adapter here"
        elif folder in self._known:
            marks.select(folder)
        else:
            self._known.append(folder)
            marks.add_option(_selection(folder, True))
        self.query_one("#wrong", Static).update(visible(wrong))
        if not wrong:
            event.input.value = ""

    def action_take(self) -> None:
        """Give back the marked ones, in the order of the list."""
        marked = set(self.query_one(SelectionList).selected)
        if not marked:
            self.query_one("#wrong", Static).update("Mark at least one, or add a folder.")
            return
        self.dismiss(tuple(folder for folder in self._known if folder in marked))

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def on_button_pressed(self) -> None:
        """As the key."""
        self.action_take()


def _selection(folder: str, marked: bool) -> Selection[str]:
    return Selection(Text(visible(folder)), folder, marked)


@dataclass(frozen=True)
class BatchRequest:
    """A test file, and how many of its examples (``None``: all)."""

    data: str
    limit: int | None


class BatchDialog(ModalScreen[BatchRequest | None]):
    """Asks for the test file and how much of it; Enter in either field begins."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, data: str, limit: str) -> None:
        super().__init__()
        self._data, self._limit = data, limit

    def compose(self) -> ComposeResult:
        """Two fields."""
        with Vertical(classes="dialog"):
            yield Static("Test file (chats or completions):")
            yield Input(self._data, select_on_focus=False, id="data")
            yield Static("How many of its examples (a number, or all):")
            yield Input(self._limit, id="limit")
            yield Static(id="wrong", markup=False, classes="problem")
            yield Button("Measure (enter)", id="measure", variant="primary")

    def on_input_submitted(self) -> None:
        """Begin, when both make sense."""
        data = self.query_one("#data", Input).value.strip()
        limit = self.query_one("#limit", Input).value.strip().lower()
        if not data:
            self.query_one("#wrong", Static).update("Which file?")
        elif limit == "all":
            self.dismiss(BatchRequest(data, None))
        elif limit.isdecimal() and int(limit) > 0:
            self.dismiss(BatchRequest(data, int(limit)))
        else:
            self.query_one("#wrong", Static).update("How many: a number from 1, or all.")

    def on_button_pressed(self) -> None:
        """As Enter."""
        self.on_input_submitted()

    def action_cancel(self) -> None:
        """Measure nothing."""
        self.dismiss(None)
