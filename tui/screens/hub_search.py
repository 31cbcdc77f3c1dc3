"""Finding a model on the hub by typing: what it is, whether it fits here, and fetching it."""

from __future__ import annotations

import asyncio

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.base import ui_of
from tui.screens.dialogs import Dialog
from tui.views.models_view import offered
from tui.widgets.field import Field

QUIET_SECONDS = 0.4
"""How long nothing must be typed before the hub is asked."""

ASKED = "Find a model on the Hugging Face hub by a few words, or give its id (owner/name)."
KEYS = "Enter fetches what is marked, or the id as it is typed · Down goes into the list"


class HubDialog(Dialog[str]):
    """Gives the id of a model to fetch."""

    DEFAULT_CSS = """
    HubDialog OptionList { height: auto; max-height: 16; border: none; }
    HubDialog #said { color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._found: list[m.ModelView] = []
        self._asked: int | None = None

    def compose(self) -> ComposeResult:
        """The field above what the hub has."""
        with Vertical(classes="dialog"):
            yield Static(ASKED, markup=False)
            yield Field(compact=True, placeholder="such as qwen3 4bit")
            yield OptionList(markup=False)
            yield Static(KEYS, id="said", markup=False)

    def on_mount(self) -> None:
        """Type at once."""
        self.query_one(Field).focus()

    def on_input_changed(self, event: Field.Changed) -> None:
        """Ask the hub when the typing rests."""
        self._search(event.value.strip())

    @work(exclusive=True, group="search")
    async def _search(self, typed: str) -> None:
        child = ui_of(self).processes["data"]
        if self._asked is not None:  # what was typed before is asked no more
            child.stop(self._asked)
            self._asked = None
        if not typed:
            self._show([], KEYS)
            return
        await asyncio.sleep(QUIET_SECONDS)
        self._say("… asking the hub")
        self._asked = number = child.number()
        try:
            found = (await child.result(m.SearchHub(number, typed), m.Models)).models
        except ChildError as error:
            self._show([], f"! {error}")
        else:
            self._show(found, KEYS if found else "Nothing on the hub is called so.")
        self._asked = None

    def _show(self, found: list[m.ModelView], said: str) -> None:
        self._found = found
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options(
            Option(Text.assemble(visible(one.name), "\n  ", (offered(one), "dim"))) for one in found
        )
        listed.highlighted = 0 if found else None
        self._say(said)

    def _say(self, text: str) -> None:
        self.query_one("#said", Static).update(visible(text))

    def key_down(self) -> None:
        """From the field into the list."""
        self.query_one(OptionList).focus()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """An id as it is typed, else what is marked."""
        typed, marked = event.value.strip(), self.query_one(OptionList).highlighted
        if "/" in typed:
            self.dismiss(typed)
        elif marked is not None:
            self._take(marked)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The one that was chosen."""
        self._take(event.option_index)

    def _take(self, place: int) -> None:
        model = self._found[place]
        if model.supported:
            self.dismiss(model.name)
        else:
            self._say(f"! {model.reason}")
