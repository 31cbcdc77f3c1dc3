"""Home: the runs that there are, and for a newcomer the way to the first one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable, Static

from shadow_mlx import words
from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.launching import free_folder
from shadow_mlx.runs.listing import SPARK, RunSummary, ago, find_runs, last_change, summarise
from shadow_mlx.runs.live import is_live
from shadow_mlx.runs.record import EventReader
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.base import Page
from tui.views.words import SIGNS, short, sparkline
from tui.widgets.tables import chosen, fill

REFRESH_SECONDS = 2.0
MODELS_AFTER_SECONDS = 0.5
"""The models are looked up a moment after the first picture, in a child."""

COLUMNS = ("State", "Run", "Steps", "Best loss", "Losses", "Model", "Changed")

MODELS_SHOWN = 3

NEWCOMER = """\
Make a small language model yours: show it examples, and it answers like them.

  g   a first run, all filled in: sprout, the model that comes along, learns
      to turn what people ask of a robot into commands.
      Then Enter starts it, and c talks with what came of it.

  3   your own data (JSON Lines of chats)      4   the training form
  2   the models of this machine               F1  help, here and everywhere"""
RETURNING = "Enter opens a run · g a first run with sprout · 4 train · 5 chat · F1 help"


class Welcome(Static, can_focus=True):
    """What to do; it has the keys while there is no run."""


class HomePage(Page):
    """Recent runs, and what to do next."""

    NAME = "home"
    HELP = """\
# Home

Every run in this folder and below it, whoever started it, newest first.

`Enter` opens one, `c` chats with it, `v` compares, `e` exports its model as a folder of its own,
`g` prepares a first run on the bundled model and data. Digits (or `F2` to `F8`) change the page,
`Ctrl+P` finds every action by name; *Change keys* there gives them other keys.
"""
    DEFAULT_CSS = """
    HomePage #welcome { height: auto; padding: 1 2; }
    HomePage DataTable { height: 1fr; }
    HomePage #models { height: auto; max-height: 2; padding: 0 2; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "guided", "First run", id="home-guided"),
        Binding("c", "chat", "Chat", id="home-chat"),
        Binding("v", "compare", "Compare", id="home-compare"),
        Binding("e", "export", "Export", id="home-export"),
    ]

    class Listed(Message):
        """The runs were looked up."""

        def __init__(self, runs: list[RunSummary]) -> None:
            super().__init__()
            self.runs = runs

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunSummary] = []
        self._models_known = False
        self._seen: dict[Path, tuple[tuple[float, bool], RunSummary]] = {}
        self._readers: dict[Path, EventReader] = {}  # of runs that grow

    def body(self) -> ComposeResult:
        """What to do, and the runs."""
        yield Welcome(NEWCOMER, id="welcome", markup=False)
        yield DataTable(cursor_type="row", zebra_stripes=True, id="runs")
        yield Static(id="models", markup=False)

    def on_mount(self) -> None:
        """Look up the runs, now and then again."""
        self.query_one(DataTable).display = False
        self._look()
        self.set_timer(MODELS_AFTER_SECONDS, self._list_models)

    def on_screen_resume(self) -> None:
        """Another page may have fetched a model."""
        if self._models_known:
            self._list_models()

    @work(exclusive=True, group="models")
    async def _list_models(self) -> None:
        self._models_known = True
        try:
            models = await self.ui.processes.installed_models()
        except ChildError:  # the models' page says what is wrong
            return
        self.query_one("#models", Static).update(visible(models_line(models)))

    @work(exclusive=True, group="runs")
    async def _look(self) -> None:
        while True:
            if self.is_active or not self._runs:
                self.post_message(self.Listed(await asyncio.to_thread(self._find)))
            await asyncio.sleep(REFRESH_SECONDS)

    def _find(self) -> list[RunSummary]:
        """In a thread: read again only what changed."""
        runs = []
        for folder in find_runs(self.ui.state.runs, Path.cwd())[:50]:
            key = (last_change(folder), live := is_live(folder))
            if folder not in self._seen or self._seen[folder][0] != key:
                reader = self._readers.pop(folder, None) or EventReader(folder)
                self._seen[folder] = (key, summarise(folder, reader))
                if live:
                    self._readers[folder] = reader
            runs.append(self._seen[folder][1])
        return runs

    def on_home_page_listed(self, message: Listed) -> None:
        """Fill the table, keeping the place of the cursor."""
        table = self.query_one(DataTable)
        table.display = bool(message.runs)
        welcome = self.query_one("#welcome", Static)
        welcome.update(RETURNING if message.runs else NEWCOMER)
        if message.runs == self._runs and table.row_count:
            return
        first = not self._runs
        self._runs = message.runs
        shown = len(COLUMNS) if self.size.width >= 100 else 5
        cells = [self._cells(run)[:shown] for run in message.runs]
        fill(table, COLUMNS[:shown], cells, [str(run.folder) for run in message.runs])
        if first and message.runs:
            table.focus()
        self.refresh_bindings()

    def _cells(self, run: RunSummary) -> list[Text]:
        steps = f"{run.step:,}/{run.total_steps:,}" if run.total_steps else "–"
        best = short(run.best_loss) if run.best_loss is not None else "–"
        cells = [
            f"{SIGNS[run.status]} {run.status}",
            _name(run.folder),
            steps,
            best,
            sparkline(run.losses, SPARK),
            run.backbone,
            ago(time.time() - run.changed),
        ]
        return [Text(visible(cell)) for cell in cells]

    def on_resize(self) -> None:
        """Columns fit the width."""
        self._runs, runs = [], self._runs
        if runs:
            self.post_message(self.Listed(runs))

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a run."""
        if event.row_key.value is not None:
            self.ui.show_run(Path(event.row_key.value))

    def resting(self) -> str:
        """The runs, as soon as there are some."""
        return "#runs" if self._runs else "#welcome"

    def _chosen(self) -> RunSummary | None:
        key = chosen(self.query_one(DataTable))
        return next((run for run in self._runs if str(run.folder) == key), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Chat, compare and export need a run with an adapter."""
        if action in ("chat", "compare", "export"):
            one = self._chosen()
            return one is not None and one.has_adapter
        return True

    def on_data_table_row_highlighted(self) -> None:
        """What can be done depends on the run under the cursor."""
        self.refresh_bindings()

    async def action_chat(self) -> None:
        """Chat with the run under the cursor."""
        if one := self._chosen():
            await self.ui.chat_with(one.folder)

    async def action_compare(self) -> None:
        """Compare the run under the cursor with the untuned model."""
        if one := self._chosen():
            await self.ui.compare_with(one.folder)

    async def action_export(self) -> None:
        """Go on to the export of the run under the cursor."""
        if one := self._chosen():
            await self.ui.deliver(one.folder)

    async def action_guided(self) -> None:
        """Fill the training form for a first run."""
        try:
            data = bundled_data()
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        folder = free_folder("adapters")
        await self.ui.train_with({"model": "sprout", "data": str(data), "adapter_path": folder})


def models_line(models: Sequence[m.ModelView]) -> str:
    """The models that can be used, in about a line."""
    usable = [model for model in models if model.supported]
    shown = [f"{model.name} ({words.size(model.size_bytes)})" for model in usable[:MODELS_SHOWN]]
    more = f" and {len(usable) - MODELS_SHOWN} more" if len(usable) > MODELS_SHOWN else ""
    return f"Models here: {', '.join(shown) or 'none'}{more} · 2 shows and fetches models"


def _name(folder: Path) -> str:
    """The folder as short as it is unambiguous here."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return f"{folder.parent.name}/{folder.name}"


PAGE = HomePage
