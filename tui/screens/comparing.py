"""Which adapters are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from shadow_mlx.config.paths import home_expanded
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.terminal import visible
from tui.screens.dialogs import Dialog
from tui.widgets.field import Field
from tui.widgets.press_button import PressButton


class AdapterPicker(Dialog[tuple[str, ...]]):
    """Marks any number of adapters: known runs in a list, others by their path.

    Args:
        known: Folders to offer.
        chosen: Those that are marked at first.
    """

    DEFAULT_CSS = """
    AdapterPicker OptionList { height: auto; max-height: 10; border: none; padding: 0; }
    AdapterPicker OptionList:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark"),
        Binding("ctrl+s", "take", "Compare these", priority=True),
    ]

    def __init__(self, known: Sequence[str], chosen: Sequence[str]) -> None:
        super().__init__()
        self._known = list(dict.fromkeys([*chosen, *known]))
        self.marked = list(chosen)

    def compose(self) -> ComposeResult:
        """The list, a field for another path, and the key that takes them."""
        with Vertical(classes="dialog"):
            yield Static("Adapters to compare (space or Enter marks one):")
            yield OptionList(*(Option(self._line(folder)) for folder in self._known))
            yield Field(
                path=True, placeholder="another folder (Enter adds it)", compact=True, id="folder"
            )
            yield Static(id="wrong", markup=False, classes="problem")
            yield PressButton("Compare these (ctrl+s)", id="take", variant="primary")

    def on_mount(self) -> None:
        """The list first, unless there is nothing in it."""
        listed = self.query_one(OptionList)
        listed.highlighted = 0 if self._known else None
        (listed if self._known else self.query_one(Field)).focus()

    def _line(self, folder: str) -> Text:
        return Text(f"{'[x]' if folder in self.marked else '[ ]'} {visible(folder)}")

    def _mark(self, place: int) -> None:
        folder = self._known[place]
        if folder in self.marked:
            self.marked.remove(folder)
        else:
            self.marked.append(folder)
        listed = self.query_one(OptionList)
        listed.replace_option_prompt_at_index(place, self._line(folder))

    def action_mark(self) -> None:
        """Mark what is under the cursor, or not."""
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self._mark(place)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter and a click mark too."""
        self._mark(event.option_index)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Add a folder that holds an adapter, marked."""
        if not event.value.strip():
            self.action_take()
            return
        folder = str(home_expanded(event.value.strip()))
        if not holds_adapter(folder):
            self._complain(f"{folder}: no adapter here")
            return
        if folder not in self._known:
            self._known.append(folder)
            self.query_one(OptionList).add_option(Option(self._line(folder)))
        if folder not in self.marked:
            self._mark(self._known.index(folder))
        self._complain("")
        event.input.value = ""

    def _complain(self, wrong: str) -> None:
        self.query_one("#wrong", Static).update(visible(wrong))

    def action_take(self) -> None:
        """Give back the marked ones, in the order of the list."""
        if not self.marked:
            self._complain("Mark at least one, or add a folder.")
            return
        self.dismiss(tuple(folder for folder in self._known if folder in self.marked))

    def on_button_pressed(self) -> None:
        """As the key."""
        self.action_take()
