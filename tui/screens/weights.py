"""Which weights to load: the adapters and models that are known, or any other by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from shadow_mlx.config.paths import home_expanded
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.terminal import visible
from tui.views import finder
from tui.views.chat_view import Weights, adapter_name
from tui.widgets.field import Field


@dataclass(frozen=True)
class Known:
    """One entry of the list. ``name`` is what is shown and searched."""

    weights: Weights
    name: str
    note: str


def known_weights(
    adapters: Sequence[str], runs: Sequence[str], models: Sequence[str]
) -> list[Known]:
    """Recent adapters, then those of the other runs, then models without one; each once."""
    found = [
        Known((None, folder), adapter_name(folder), "adapter")
        for folder in finder.unique(adapters, runs)
        if holds_adapter(folder)
    ]
    untuned = finder.unique(models, ["sprout"])
    return found + [Known((model, None), model, "untuned model") for model in untuned]


def weights_named(name: str) -> Weights:
    """The model or the adapter that a name stands for."""
    return (None, str(home_expanded(name))) if holds_adapter(name) else (name, None)


class WeightsDialog(ModalScreen[Weights | None]):
    """Type to find, Enter loads.

    Args:
        known: The entries, best first.
    """

    DEFAULT_CSS = """
    WeightsDialog #known { height: auto; max-height: 12; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("down", "into_list", show=False),
    ]

    def __init__(self, known: Sequence[Known]) -> None:
        super().__init__()
        self._known = {one.name: one for one in known}
        self._shown: list[Known] = []

    def compose(self) -> ComposeResult:
        """The field above what it finds."""
        with Vertical(classes="dialog"):
            yield Static("Which weights? Type to find, or a folder's path, or an id on the hub.")
            yield Field(compact=True, id="name")
            yield OptionList(id="known", markup=False)

    def on_mount(self) -> None:
        """Everything, the newest first."""
        self._match("")
        self.query_one(Field).focus()

    def on_input_changed(self, event: Field.Changed) -> None:
        """Find with every letter."""
        self._match(event.value.strip())

    def _match(self, typed: str) -> None:
        self._shown = [self._known[name] for name in finder.fuzzy(typed, list(self._known))]
        listed = self.query_one(OptionList)
        listed.clear_options()
        listed.add_options(
            Option(Text.assemble(visible(one.name), (f"  {one.note}", "dim"), no_wrap=True))
            for one in self._shown
        )
        listed.highlighted = 0 if self._shown else None

    def action_into_list(self) -> None:
        """From the field into the list below it."""
        self.query_one(OptionList).focus()

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """What is marked in the list, else the name as typed."""
        typed, marked = event.value.strip(), self.query_one(OptionList).highlighted
        if typed and (not self._shown or finder.is_path(typed)):
            self.dismiss(weights_named(typed))
        elif marked is not None:
            self.dismiss(self._shown[marked].weights)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """The one that was chosen."""
        self.dismiss(self._shown[event.option_index].weights)

    def action_cancel(self) -> None:
        """Keep what is loaded."""
        self.dismiss(None)
