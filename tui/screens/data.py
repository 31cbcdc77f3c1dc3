"""Data: find a file, see whether it is sound, see what of it is trained."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.config import ColumnConfig, EncodingConfig
from shadow_mlx.config.paths import absolute, from_here, local
from shadow_mlx.data.reading.foreign import CONVERTIBLE, foreign_kind
from shadow_mlx.data.reading.sources import files_of
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens import columns
from tui.screens.making import MakingPage
from tui.views import data_view, finder
from tui.views.form import sound_values
from tui.widgets.finder import Finder

VIEWS = ("records", "tokens", "lengths", "problems")


class DataScreen(MakingPage):
    """One data file at a time, in four views; and files that are made of it."""

    NAME = "data"
    HELP = """\
# Data

Type to find a file (letters in order are enough), or a path beginning with `/`, `~` or `./`.
`Enter` opens it, `Escape` leaves the field. CSV, TSV, Parquet, JSON arrays, text and Markdown
are written as JSON Lines beside them first: a dialog asks which column holds what.

- `r` records · `k` tokens, with what is trained in ⟦brackets⟧ · `l` lengths · `e` problems
- `n` and `b` turn the page · `Enter` on a problem shows its record
- `a` another file of the same folder (train, valid, test) · `/` find · `t` train on it
- `m` says which columns hold what, where they are not those of a known format
- `s` writes new files of it, beside it: split, some examples, shuffled
"""
    DEFAULT_CSS = """
    DataScreen Finder { margin: 0 1; }
    DataScreen #facts { height: auto; padding: 0 1; text-style: bold; }
    DataScreen #views { height: 1; padding: 0 1; background: $panel; }
    DataScreen #scroll { height: 1fr; padding: 0 1; }
    DataScreen #problems { height: 1fr; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", "Find", key_display="/", id="data-find"),
        Binding("r", "view('records')", "Records", id="data-records"),
        Binding("k", "view('tokens')", "Tokens", id="data-tokens"),
        Binding("l", "view('lengths')", "Lengths", id="data-lengths"),
        Binding("e", "view('problems')", "Problems", id="data-problems"),
        Binding("n", "turn(1)", "Next", id="data-next"),
        Binding("b", "turn(-1)", "Before", show=False, id="data-before"),
        Binding("a", "sibling", "Other", id="data-split"),
        Binding("m", "columns", "Columns", id="data-columns"),
        Binding("t", "train", "Train", id="data-train"),
        Binding("s", "parts", "Split …", id="data-parts"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self._chosen = ""  # what training is given: the file or its folder
        self._siblings: list[Path] = []
        self._start = self._count = 0  # the records that are shown: from which on, and how many
        self._drawn: Callable[[int], str | Text] = lambda width: ""  # what is shown, at a width
        self._total: int | None = None
        self._checked: m.Checked | None = None
        self._problems: list[m.ProblemView] = []
        self._view = "records"
        self._page: m.Page | None = None  # the newest page of records
        self._columns: columns.Mapped = {}  # which columns hold what, where they were chosen

    def body(self) -> ComposeResult:
        """Finder, facts, and the view."""
        yield Finder("find a data file, or type a path", suffixes=finder.SUFFIXES, folded=True)
        yield Static(id="facts", markup=False)
        yield Static(id="views", markup=False)
        with VerticalScroll(id="scroll"):
            yield Static(id="content", markup=False)
        yield OptionList(id="problems", markup=False)

    def on_mount(self) -> None:
        """Look around for files."""
        self.query_one("#problems").display = False
        self._look_around()
        self._draw()

    def resting(self) -> str:
        """What is shown of the file, or the list of files that can be opened."""
        if self.path is None:
            return "#matches"
        return "#problems" if self._view == "problems" else "#scroll"

    def first(self) -> str:
        """The field, until a file is open."""
        return "#find" if self.path is None else self.resting()

    @work(exclusive=True, group="around")
    async def _look_around(self) -> None:
        known = self.ui.state.recent_data
        recent = await asyncio.to_thread(finder.recent, known)
        nearby = await asyncio.to_thread(finder.nearby, Path.cwd())
        names = finder.unique(recent, nearby, _bundled())
        self.query_one(Finder).offer(dict.fromkeys(names, ""))

    def on_finder_chosen(self, event: Finder.Chosen) -> None:
        """Open it, or look into a folder on the way."""
        place = local(event.name)
        if place is not None and place.is_dir() and not files_of(event.name):
            self.query_one(Finder).write(f"{event.name.rstrip('/')}/")
        else:
            self.open(event.name)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go to the problem's record."""
        problem = self._problems[event.option_index]
        if problem.record >= 0:
            self._start = problem.record
            self.action_view("records")

    def open(self, data: str) -> None:
        """Show a file, or the training file of a folder."""
        files = files_of(data)
        place = local(data)
        if not files and place is not None and foreign_kind(place):
            self.convert(str(place))
            return
        if not files:
            self.ui.tell(
                f"{data}: no data here: a .jsonl file, a folder with train.jsonl, or "
                f"{CONVERTIBLE} to convert"
            )
            return
        self._chosen, self._siblings = data.rstrip("/"), files
        self._columns = self.ui.state.columns_of(absolute(self._chosen))
        self.ui.remember_first("recent_data", absolute(self._chosen))
        self._look_around()
        self._show(files[0])

    def on_resize(self) -> None:
        """Lines fit the width, and another number of records may fit the height."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if self.path is None:
            return
        self.query_one("#content", Static).update(self._drawn(self._width))
        if self._view in ("records", "tokens") and self._count != self._page_size:
            self._load(again=True)

    def _show(self, path: Path) -> None:
        self.path, self._start, self._total, self._page = path, 0, None, None
        self._checked, self._problems = None, []
        self.query_one("#problems", OptionList).clear_options()
        self.action_view("records")  # asked first: a huge file is indexed for the check
        self._check()

    @work(exclusive=True, group="check")
    async def _check(self) -> None:
        child = self.ui.processes["data"]
        beside = [str(path) for path in self._siblings]
        request = m.Check(child.number(), str(self.path), self._columns, beside)
        try:
            async for reply in child.ask(request):
                if isinstance(reply, m.Checked):
                    self._checked = reply
                    self._total = reply.total
                    self._add_problems(reply.problems)
                    self._draw()
        except ChildError as error:
            self.ui.tell(str(error), "error")

    def _add_problems(self, problems: list[m.ProblemView]) -> None:
        self._problems += problems
        listed = self.query_one("#problems", OptionList)
        listed.add_options(Option(data_view.problem_line(problem)) for problem in problems)
        if listed.highlighted is None and self._problems:
            listed.highlighted = 0  # so that Enter shows a record at once

    @property
    def _page_size(self) -> int:
        return max(3, (self.size.height - 6) // 4)

    def action_view(self, name: str) -> None:
        """One of the four views."""
        if self.path is None:
            self.ui.tell("Open a file first: / finds one.")
            return
        self._view = name
        self.query_one("#problems").display = name == "problems"
        self.query_one("#scroll").display = name != "problems"
        if name == "problems":
            self.query_one("#problems").focus()
        else:
            self.query_one("#scroll").focus()
            self._load()
        self._draw()

    @work(exclusive=True, group="page")
    async def _load(self, *, again: bool = False) -> None:
        """Ask for what the view shows, and show it; ``again``, the former stands there so long."""
        child, path = self.ui.processes["data"], str(self.path)
        content = self.query_one("#content", Static)
        self._count = self._page_size
        if self._view != "records" and not again:
            content.update("working …")
        try:
            if self._view == "records":
                ask = m.ReadPage(child.number(), path, self._start, self._count, self._columns)
                page = await child.result(ask, m.Page)
                self._total = page.total if page.total is not None else self._total
                self._draw_by(partial(data_view.records, page))
                self._keep(page)
            elif self._view == "tokens":
                number = child.number()
                show = m.ShowTokens(number, path, self._start, self._count, self._options)
                shown = await child.result(show, m.Tokens)
                self._draw_by(partial(data_view.tokens, shown))
            else:
                await self._measure(path, content)
        except ChildError as error:
            said = f"! {visible(str(error))}"
            self._draw_by(lambda _: said)
            return
        self.query_one("#scroll").scroll_home(animate=False)
        self._draw()

    @property
    def _width(self) -> int:
        return self.size.width - 4

    def _draw_by(self, drawn: Callable[[int], str | Text]) -> None:
        self._drawn = drawn
        self.query_one("#content", Static).update(drawn(self._width))

    async def _measure(self, path: str, content: Static) -> None:
        child = self.ui.processes["data"]
        request = m.Measure(child.number(), path, self._options)
        async for reply in child.ask(request):
            if isinstance(reply, m.Progress):
                content.update(f"{reply.what} {reply.done:,} of {reply.total:,}")
            elif isinstance(reply, m.Measured):
                self._draw_by(partial(data_view.lengths, reply, self._length))

    @property
    def _options(self) -> dict[str, Any]:
        """How a run would encode the data: as the form says, the columns as they are here."""
        of_columns = {one.name for one in dataclasses.fields(ColumnConfig)}
        filled = sound_values(self.ui.state.form, EncodingConfig)
        others = {name: value for name, value in filled.items() if name not in of_columns}
        return {**others, **self._columns}

    @property
    def _length(self) -> int:
        return int(self._options.get("max_seq_length", EncodingConfig.max_seq_length))

    def _draw(self) -> None:
        views = "  ".join(f"[{v}]" if v == self._view else f" {v} " for v in VIEWS)
        if self.path is None:
            self.query_one("#facts", Static).update("")
            views = "Find a file above. It is checked line by line, and nothing is changed."
        else:
            folder = self.path.resolve().parent.name
            name = f"{folder}/{self.path.name}" if folder else str(self.path)
            facts = data_view.facts(name, self._checked, self._total)
            self.query_one("#facts", Static).update(facts)
            if self._view in ("records", "tokens") and self._total:
                end = min(self._start + self._count, self._total)
                views += f"   records {self._start + 1:,} to {end:,} of {self._total:,}"
            elif self._view == "problems" and self._checked:
                count = self._checked.problem_count
                views += "   " + data_view.problems_hint(self._problems, count)
        self.query_one("#views", Static).update(views)

    def action_find(self) -> None:
        """To the field that finds files."""
        self.query_one("#find").focus()

    def action_turn(self, by: int) -> None:
        """The next page of records, or the one before."""
        if self.path is None or self._view not in ("records", "tokens"):
            return
        last = max(0, (self._total or self._count) - 1)
        start = self._start + by * self._count
        if 0 <= start <= last or by < 0:
            self._start = max(0, start)
            self._load()

    def action_sibling(self) -> None:
        """The next file of the same data set."""
        if self.path is not None and len(self._siblings) > 1:
            at = self._siblings.index(self.path)
            self._show(self._siblings[(at + 1) % len(self._siblings)])

    def _keep(self, page: m.Page) -> None:
        """Remember the page; the first one of an unknown format asks for its columns."""
        first, self._page = self._page is None, page
        if first and not page.known and not self._columns:
            self.action_columns()

    def action_columns(self) -> None:
        """Say which columns hold what; the file is shown and checked again by that."""
        page = self._page
        if page is None or not page.columns:
            self.ui.tell("Open a file first: / finds one.")
            return

        def decide(mapped: columns.Mapped | None) -> None:
            if mapped is not None and self.path is not None:
                self._columns = mapped
                data = absolute(self._chosen)
                self.ui.remember(columns=self.ui.state.with_columns(data, mapped))
                self._show(self.path)

        begin = self._columns or page.suggested
        self.put(columns.ColumnsDialog(page.columns, begin), decide)

    def action_parts(self) -> None:
        """Write new files of the one that is shown."""
        if self.path is None:
            self.ui.tell("Open a file first: / finds one.")
        else:
            self.ask_for_parts(str(self.path), dict(self._columns))

    def show_made(self, path: str, mapped: columns.Mapped) -> None:
        """Open it, with the columns that it still has."""
        if mapped:
            known = self.ui.state.with_columns(absolute(path), mapped)
            self.ui.remember(columns=known)
        self.open(from_here(path))

    def say_working(self, text: str) -> None:
        """Where the views are named; they come back when it is done."""
        if text:
            self.query_one("#views", Static).update(text)
        else:
            self._draw()

    async def action_train(self) -> None:
        """Fill the data into the training form."""
        if self._chosen:
            unnamed = dict.fromkeys(columns.ROLES.values())
            values = {**self.ui.state.form, "data": self._chosen, **unnamed, **self._columns}
            await self.ui.train_with(values)


def _bundled() -> list[str]:
    try:
        return [str(bundled_data())]
    except ShadowMLXError:
        return []


PAGE = DataScreen
