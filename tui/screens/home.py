"""Home: the runs that there are, and for a newcomer the way to the first one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import DataTable, Static

from shadow_mlx import words
from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.launching import free_folder
from shadow_mlx.runs.listing import RunSummary
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.managing import ManagingPage
from tui.screens.run_finder import Found, RunFinder
from tui.views import run_list
from tui.widgets.divider import Divider
from tui.widgets.tables import chosen, fill
from tui.widgets.welcome import Welcome

REFRESH_SECONDS = 2.0
MODELS_AFTER_SECONDS = 0.5
"""The models are looked up a moment after the first picture, in a child."""

MODELS_SHOWN = 3

HINT = "Enter opens one · / filters · s sorts · F1 help"


class HomePage(ManagingPage):
    """Recent runs, and what to do next."""

    NAME = "home"
    FILTERED_BY = "name, folder, model, state or note"
    HELP = """\
# Home

Every run in this folder and below it, whoever started it, the newest first. Beside the list, where
there is room for it, stands more about the run under the cursor. The best loss of those that are
shown is bold.

- `Enter` opens a run · `c` chats with it · `v` compares · `e` exports its model
- `/` filters by what you type: names, folders, models, states, notes; `Escape` shows all again
- `s` sorts by the next column, which has an arrow then
- `n` names a run · `w` writes a note on it · `m` marks it with a star; `shadow-mlx runs` shows them
- `x` discards a run, after a question · `u` brings back what you discarded, until you leave
- `g` prepares a first run on the bundled model and data

Digits (or `F2` to `F8`) change the page, `Ctrl+P` finds every action by name; *Change keys* there
gives them other keys.
"""
    DEFAULT_CSS = """
    HomePage #hint { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    HomePage #hint { text-overflow: ellipsis; display: none; }
    HomePage #panes { height: 1fr; }
    HomePage DataTable { width: 1fr; height: 1fr; scrollbar-size: 1 1; }
    HomePage #detail { height: 100%; width: 44%; display: none; }
    HomePage Divider { display: none; }
    HomePage.-wide.-listed #detail { display: block; }
    HomePage.-wide.-listed Divider { display: block; }
    HomePage.-listed #hint { display: block; }
    HomePage #panes { display: none; }
    HomePage.-listed #panes { display: block; layout: horizontal; }
    HomePage.-listed Welcome { display: none; }
    HomePage.-narrow #ways { layout: vertical; }
    HomePage.-narrow #ways Card { width: 100%; }
    HomePage.-wide #card-what { padding: 1 2; }
    HomePage.-wide #ways Card { padding: 1 2; height: 9; }
    HomePage #models { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "chat", "Chat", id="home-chat"),
        Binding("v", "compare", "Compare", id="home-compare"),
        Binding("e", "export", "Export", id="home-export"),
        Binding("slash", "filter", "Filter", key_display="/", id="home-filter"),
        Binding("s", "sort", "Sort", id="home-sort"),
        Binding("g", "guided", "First run", id="home-guided"),
    ]

    class Listed(Message):
        """The runs were looked up."""

        def __init__(self, found: Found) -> None:
            super().__init__()
            self.found = found

    def __init__(self) -> None:
        super().__init__()
        self._found = Found((), 0)
        self._models_known = False
        self._finder = RunFinder()
        self._wake = asyncio.Event()  # the runs are to be looked up now
        self._order = run_list.ORDERS[0]
        self._drawn: object = None

    def body(self) -> ComposeResult:
        """What to do, and the runs."""
        yield Welcome(id="welcome")
        yield Static(HINT, id="hint", markup=False)
        yield self.filter_field()
        with Horizontal(id="panes"):
            yield DataTable(cursor_type="row", zebra_stripes=True, id="runs")
            yield Divider("home")
            yield Vertical(id="detail")
        yield Static(id="models", markup=False)

    def on_mount(self) -> None:
        """Look up the runs, now and then again."""
        self._look()
        self.set_timer(MODELS_AFTER_SECONDS, self._list_models)

    def on_screen_resume(self) -> None:
        """Another page may have fetched a model, or trained one."""
        self._wake.set()
        if self._models_known:
            self._list_models()

    @work(exclusive=True, group="models")
    async def _list_models(self) -> None:
        self._models_known = True
        try:
            models = (await self.ui.processes.installed_models()).models
        except ChildError:  # the models' page says what is wrong
            return
        self.query_one("#models", Static).update(visible(models_line(models)))

    @work(exclusive=True, group="runs")
    async def _look(self) -> None:
        while True:
            if self.is_active or not self._found.runs:
                self._wake.clear()
                known = self.ui.state.runs
                self.post_message(self.Listed(await asyncio.to_thread(self._finder.find, known)))
            with suppress(TimeoutError):  # wait_for of Python 3.11 may lose a cancellation
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._wake.wait()

    def look_again(self) -> None:
        """A run was changed here: show it at once."""
        self._wake.set()

    def on_home_page_listed(self, message: Listed) -> None:
        """Show what was found."""
        first = not self._found.runs
        self._found = message.found
        self.narrow()
        if first and message.found.runs and self.focused in (None, self.query_one("#welcome")):
            self.set_focus(self._usable("#runs"))

    @property
    def listed(self) -> bool:
        """Whether there are runs."""
        return bool(self._found.runs)

    def narrow(self) -> None:
        """Fill the table where it changed, the cursor on the run that it was on."""
        found, wanted = self._found, self.wanted
        self.set_class(bool(found.runs), "-listed")
        shown = run_list.ordered(run_list.matching(found.runs, wanted), self._order)
        said = run_list.headline(len(shown), len(found.runs), found.there, self._order, wanted)
        self.query_one("#hint", Static).update(visible(f"{said} · {HINT}"))
        table = run_list.table(shown, self._order, width=self._room, now=time.time())
        keys = [str(run.folder) for run in shown]
        if self._drawn != (drawn := (table.said, keys)):
            self._drawn = drawn
            fill(self.query_one(DataTable), table.titles, table.rows, keys)
        self.detail_of(self.chosen)
        self.refresh_bindings()

    @property
    def _room(self) -> int:
        """Cells that the list has."""
        return self.size.width if not self.has_detail else self.size.width * 56 // 100

    @property
    def has_detail(self) -> bool:
        """Whether there is room for more about a run beside the list."""
        return self.has_class("-wide")

    def on_resize(self) -> None:
        """Columns fit the width."""
        self.call_after_refresh(self.narrow)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Open a run."""
        if event.row_key.value is not None:
            self.ui.show_run(Path(event.row_key.value))

    def resting(self) -> str:
        """The runs, as soon as there are some."""
        return "#runs" if self._found.runs else "#welcome"

    @property
    def chosen(self) -> RunSummary | None:
        """The run under the cursor."""
        key = chosen(self.query_one(DataTable))
        return next((run for run in self._found.runs if str(run.folder) == key), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Chat, compare and export need a run with an adapter; most others need a run."""
        one = self.chosen if self.is_mounted else None
        if action in ("chat", "compare", "export"):
            return one is not None and one.has_adapter
        if action == "sort":
            return super().check_action("filter", ())
        return super().check_action(action, parameters)

    def on_data_table_row_highlighted(self) -> None:
        """What can be done, and what stands beside, depends on the run under the cursor."""
        self.detail_of(self.chosen)
        self.refresh_bindings()

    def action_sort(self) -> None:
        """By the next column."""
        at = run_list.ORDERS.index(self._order) + 1
        self._order = run_list.ORDERS[at % len(run_list.ORDERS)]
        self.narrow()

    async def action_chat(self) -> None:
        """Chat with the run under the cursor."""
        if one := self.chosen:
            await self.ui.chat_with(one.folder)

    async def action_compare(self) -> None:
        """Compare the run under the cursor with the untuned model."""
        if one := self.chosen:
            await self.ui.compare_with(one.folder)

    async def action_export(self) -> None:
        """Go on to the export of the run under the cursor."""
        if one := self.chosen:
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


PAGE = HomePage
