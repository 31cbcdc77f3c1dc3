"""Which weights to load: the adapters and models that are known, or any other by its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from shadow_mlx.config.paths import home_expanded
from shadow_mlx.runs.folder import holds_adapter
from tui.screens.dialogs import Dialog
from tui.views import finder
from tui.views.chat_view import Weights, adapter_name
from tui.widgets.field import Field
from tui.widgets.finder import Finder

ANY = "Which weights? Type to find, or a folder's path, or an id on the hub."


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
        Known(Weights(adapter=folder), adapter_name(folder), "adapter")
        for folder in finder.unique(adapters, runs)
        if holds_adapter(folder)
    ]
    untuned = finder.unique(models, ["sprout"])
    return found + [Known(Weights(model), model, "untuned model") for model in untuned]


def weights_named(name: str) -> Weights:
    """The model or the adapter that a name stands for."""
    if holds_adapter(name):
        return Weights(adapter=str(home_expanded(name)))
    return Weights(name)


class WeightsDialog(Dialog[Weights]):
    """Type to find, Enter loads.

    Args:
        known: The entries, best first.
        question: What is asked.
    """

    def __init__(self, known: Sequence[Known], question: str = ANY) -> None:
        super().__init__()
        self._known, self._question = {one.name: one for one in known}, question

    def compose(self) -> ComposeResult:
        """The field above what it finds."""
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False)
            yield Finder()

    def on_mount(self) -> None:
        """Everything, the newest first."""
        self.query_one(Finder).offer({one.name: one.note for one in self._known.values()})
        self.query_one(Field).focus()

    def on_finder_chosen(self, event: Finder.Chosen) -> None:
        """One of the known, else any other by its name."""
        known = self._known.get(event.name)
        self.dismiss(known.weights if known else weights_named(event.name))
