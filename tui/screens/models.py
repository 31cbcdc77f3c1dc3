"""Models: what this machine has, whether it can be tuned here, and fetching more."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import DataTable, Static

from shadow_mlx import machine, words
from shadow_mlx.terminal import visible
from shadow_mlx.words import counted
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.dialogs import Choice
from tui.screens.filtering import FilteredPage
from tui.screens.hub_search import HubDialog
from tui.views import memory
from tui.views.models_view import facts, matching, room, table
from tui.views.words import bar
from tui.widgets.divider import Divider
from tui.widgets.pairs import pairs
from tui.widgets.tables import chosen, fill

QUIET_SECONDS = 0.4
"""How long the cursor must rest before a model's training memory is estimated."""

NONE_SUCH = "No model here has all of these words: Escape shows all again."

KEPT = "What was fetched is kept: d goes on from there."


class ModelsScreen(FilteredPage):
    """Bundled, local and cached models."""

    NAME = "models"
    FILTERED_BY = "name, folder, architecture, weights, or what is said of it: fits, tight"
    HELP = """\
# Models

The models that come along, those in folders here, and those in the hub's cache.

- `t` trains on the one under the cursor · `c` chats with it
- `/` filters by what you type: names, folders, architectures, *4-bit*, *fits*; `Escape` shows all
- `d` finds one on the Hugging Face hub by a few words, with its size and whether it fits here, and
  fetches it · `Escape` stops that · `r` looks again
- `x` deletes what was fetched from the hub, after a question; the last line tells the room that all
  of it takes on the disk, and what is free there
"""
    DEFAULT_CSS = """
    ModelsScreen #panes { height: 1fr; }
    ModelsScreen DataTable { width: 1fr; height: 1fr; }
    ModelsScreen #about { height: auto; max-height: 40%; padding: 0 1; }
    ModelsScreen #note { height: auto; }
    ModelsScreen Divider { display: none; }
    ModelsScreen.-wide #panes { layout: horizontal; }
    ModelsScreen.-wide #about { width: 44%; height: 100%; max-height: 100%; }
    ModelsScreen.-wide Divider { display: block; }
    ModelsScreen #room { height: 1; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "train", "Train", id="models-train"),
        Binding("c", "chat", "Chat", id="models-chat"),
        Binding("d", "download", "Download", id="models-download"),
        Binding("x", "remove", "Delete", id="models-remove"),
        Binding("slash", "filter", "Filter", key_display="/", id="models-filter"),
        Binding("r", "look", "Look again", id="models-look"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._models: list[m.ModelView] = []
        self._fetching = ""  # what is downloaded now, and the number of that request
        self._request = 0
        self._verdicts: dict[str, str] = {}  # by path: training it with the default settings

    def body(self) -> ComposeResult:
        """The table, what is known of the one under the cursor, and the room on the disk."""
        yield self.filter_field()
        with Vertical(id="panes"):
            yield DataTable(cursor_type="row", zebra_stripes=True)
            yield Divider("models")
            with VerticalScroll(id="about", can_focus=False):
                yield Static("Looking for models …", id="note", markup=False)
        yield Static(id="room", markup=False)

    def on_mount(self) -> None:
        """Look."""
        self.action_look()

    @work(exclusive=True, group="look")
    async def action_look(self) -> None:
        """Look for models, in the child."""
        again = bool(self._models)
        try:
            found = await self.ui.processes.installed_models()
        except ChildError as error:
            self._note(f"! {error}")
            return
        self._models = found.models
        self.query_one("#room", Static).update(room(found))
        self.narrow()
        if again:
            self.ui.tell(f"Looked again: {counted(len(self._models), 'model')}.")

    @property
    def listed(self) -> bool:
        """Whether there are models."""
        return bool(self._models)

    def narrow(self) -> None:
        """List the models that are wanted."""
        shown = matching(self._models, self.wanted)
        titles, rows = table(shown, beside=self._beside)
        fill(self.query_one(DataTable), titles, rows, [model.path for model in shown])
        self._describe()
        self.refresh_bindings()

    @property
    def _beside(self) -> bool:
        """Whether what is known of a model stands beside the list."""
        return self.has_class("-wide")

    def on_resize(self) -> None:
        """Other columns fit."""
        if self._models:
            self.call_after_refresh(self.narrow)

    def on_data_table_row_highlighted(self) -> None:
        """Tell about the one under the cursor."""
        self._describe()

    def resting(self) -> str:
        """The models."""
        return "DataTable"

    def _chosen(self) -> m.ModelView | None:
        key = chosen(self.query_one(DataTable))
        return next((model for model in self._models if model.path == key), None)

    def _describe(self) -> None:
        model = self._chosen()
        if self._fetching:
            self._note(f"… fetching {self._fetching} (esc stops)")
        elif model is None:
            self._note(NONE_SUCH if self._models else "No model is here yet: d fetches one.")
        else:
            known = self._verdicts.get(model.path)
            said = model.reason or known or _memory(model)
            if self._beside:
                self.query_one("#note", Static).update(pairs([*facts(model), ("training", said)]))
            else:
                self._note(f"{model.path}\n{said}")
            if model.supported and known is None:
                self._weigh(model)

    @work(exclusive=True, group="memory")
    async def _weigh(self, model: m.ModelView) -> None:
        """Estimate what training this model takes, in the child."""
        await asyncio.sleep(QUIET_SECONDS)
        child = self.ui.processes["data"]
        said = "Trained with the default settings on the longest examples that they allow:"
        try:
            async for reply in child.ask(m.Estimate(child.number(), {"model": model.name})):
                if isinstance(reply, m.Estimated):
                    self._verdicts[model.path] = f"{said}\n{memory.verdict(reply)}"
                    self._describe()
        except ChildError as error:
            self._verdicts[model.path] = f"! Memory: {str(error).splitlines()[0]}"
            self._describe()

    def _note(self, text: str) -> None:
        self.query_one("#note", Static).update(visible(text))

    async def action_train(self) -> None:
        """Fill the model into the training form."""
        model = self._chosen()
        if model is None or not model.supported:
            self.ui.tell(model.reason if model else "There is no model.", "warning")
            return
        await self.ui.train_with({**self.ui.state.form, "model": model.name})

    async def action_chat(self) -> None:
        """Chat with the untuned model."""
        model = self._chosen()
        if model is not None and model.supported:
            await self.ui.chat_with(None, model.name)

    def action_download(self) -> None:
        """Find one on the hub, and fetch it."""

        def fetch(name: str | None) -> None:
            if name:
                self._fetch(name)

        self.app.push_screen(HubDialog(), fetch)

    def action_remove(self) -> None:
        """Remove one from the hub's cache, after a question."""
        model = self._chosen()
        if model is None or model.where != "hub cache":
            self.ui.tell("Only what was fetched from the hub is deleted here.", "warning")
            return
        size = words.size(model.size_bytes)
        question = f"Delete {model.name} ({size}) from the hub's cache? d fetches it again."

        def decide(choice: str | None) -> None:
            if choice:
                self._remove(model.name)

        self.put(Choice(question, [("delete", "y", "Delete it")]), decide)

    @work(group="remove")
    async def _remove(self, name: str) -> None:
        child = self.ui.processes["data"]
        self.workers.cancel_group(self, "memory")  # an estimate would fetch its settings again
        self._models = [one for one in self._models if one.name != name]
        self.narrow()
        try:
            done = await child.result(m.RemoveModel(child.number(), name), m.Done)
        except ChildError as error:
            self.ui.tell(str(error), "error")
        else:
            self.ui.tell(f"{name} is deleted: {done.text} are free again.")
        self.action_look()

    @work(exclusive=True, group="fetch")
    async def _fetch(self, name: str) -> None:
        child = self.ui.processes["download"]
        self._fetching, self._request = name, child.number()
        self._describe()
        try:
            async for reply in child.ask(m.Download(self._request, name)):
                if isinstance(reply, m.Progress) and reply.total:
                    self._note(f"… {fetched(name, reply.done, reply.total)} (esc stops)")
                elif isinstance(reply, m.Done):
                    here = f"{name} is here." if reply.text else f"{name}: stopped. {KEPT}"
                    self.ui.tell(here)
        except ChildError as error:
            self.ui.tell(str(error), "error")
        self._fetching = ""
        self.action_look()

    def action_leave_field(self) -> None:
        """Stop fetching; what is there is gone on with the next time. Else show all again."""
        if self._fetching and not self.typing:
            self.ui.processes["download"].stop(self._request)
        else:
            super().action_leave_field()


def fetched(name: str, done: int, total: int) -> str:
    """How far a download is, in a line."""
    share = done / total
    return f"{name}  {bar(share, 20)} {share:.0%}  {words.size(done)} of {words.size(total)}"


def _memory(model: m.ModelView) -> str:
    size = machine.memory_of_machine()
    if not size:
        return ""
    return (
        f"The weights take {words.size(model.size_bytes)} of this machine's {words.size(size)}; "
        "training needs room beside them."
    )


PAGE = ModelsScreen
