"""A measured test file: figures, who FIXED and REGRESSED what, and every example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import DataTable, Static

from shadow_mlx.evaluation.figures import changes, heading, names, remarks
from shadow_mlx.terminal import visible
from tui.screens.dialogs import Ask
from tui.screens.example import ExampleView
from tui.views import comparison
from tui.widgets.divider import Divider
from tui.widgets.tables import fill, numeric


class BatchView(Vertical):
    """Figures and matrix above, the examples that the filter leaves below.

    Attributes:
        figures: What is shown: a comparison's mapping, or ``None``.
    """

    DEFAULT_CSS = """
    BatchView { height: 1fr; }
    BatchView #notice { height: auto; padding: 0 1; text-style: bold; }
    BatchView #figures { height: auto; max-height: 8; }
    BatchView .caption { height: 1; padding: 0 1; color: $text-muted; }
    BatchView .caption { text-wrap: nowrap; text-overflow: ellipsis; }
    BatchView #matrix { height: auto; max-height: 8; }
    BatchView.-empty * { display: none; }
    BatchView #each { height: 1fr; }
    BatchView #examples { height: 1fr; }
    BatchView #detail { height: 60%; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "filter", "Filter", id="compare-filter"),
        Binding("p", "pair", "Pair", id="compare-pair"),
        Binding("slash", "search", "Search", show=False, key_display="/", id="compare-search"),
    ]

    def __init__(self) -> None:
        super().__init__(classes="-empty")
        self.figures: Mapping[str, Any] | None = None
        self._examples: list[comparison.Example] = []
        self._found: list[comparison.Example] = []
        self._filter = "all"
        self._words = ""
        self._first = self._second = ""

    def compose(self) -> ComposeResult:
        """Tables from top to bottom, the example under the cursor last."""
        yield Static(id="notice", markup=False)
        yield DataTable(id="figures", cursor_type="none", show_cursor=False)
        yield Static(
            "+ FIXED, − REGRESSED by the row's model against the column's (Enter lists)",
            classes="caption",
        )
        yield DataTable(id="matrix")
        yield Static(id="chosen", classes="caption", markup=False)
        with Vertical(id="each"):
            yield DataTable(id="examples", cursor_type="row")
            yield Divider("compare", rows=True)
            with VerticalScroll(id="detail"):
                yield Static(id="one", markup=False)

    def show(self, figures: Mapping[str, Any]) -> None:
        """Put a comparison in, all examples shown."""
        self.figures = figures
        self.remove_class("-empty")
        models = names(figures)
        self._examples = comparison.examples_of(figures)
        self._filter, self._words = "all", ""
        self._first, self._second = models[0], models[-1]
        notice = " · ".join([heading(figures), *remarks(figures)])
        self.query_one("#notice", Static).update(visible(notice))
        fill(
            self.query_one("#figures", DataTable),
            numeric(comparison.columns(figures)),
            map(numeric, comparison.rows(figures)),
        )
        matrix = self.query_one("#matrix", DataTable)
        against = [f"against {visible(name)}" for name in models]
        fill(matrix, numeric(("model", *against)), map(numeric, comparison.matrix(figures)))
        matrix.display = len(models) > 1
        self._list()
        self.query_one("#examples").focus()

    def _list(self) -> None:
        self._found = comparison.chosen(
            self._examples, self._filter, self._first, self._second, self._words
        )
        pair = [self._first, self._second] if self._first != self._second else [self._first]
        table = self.query_one("#examples", DataTable)
        fill(
            table,
            ("line", *map(visible, pair), "question"),
            [
                (
                    str(example.line),
                    *(comparison.verdict(example.right.get(name)) for name in pair),
                    " ".join(visible(example.prompt).split())[-100:],
                )
                for example in self._found
            ],
        )
        said = f"{self._filter}: {self._second} against {self._first} ({len(self._found)})"
        if self._words:
            said += f", containing {self._words!r}"
        if change := changes(self.figures or {"pairings": ()}).get((self._first, self._second)):
            said += f" · {change}"
        self.query_one("#chosen", Static).update(visible(said))
        self._show_one(0)

    def _show_one(self, row: int) -> None:
        there = 0 <= row < len(self._found)
        shown = comparison.detail(self._found[row]) if there else Text("no such example")
        self.query_one("#one", Static).update(shown)
        self.query_one("#detail").scroll_home(animate=False)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the example under the cursor."""
        if event.data_table.id == "examples":
            self._show_one(event.cursor_row)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """The example on the whole screen."""
        if event.data_table.id == "examples" and self._found:
            table = event.data_table
            self.app.push_screen(
                ExampleView(self._found, event.cursor_row),
                lambda row: table.move_cursor(row=row or 0),
            )

    def on_data_table_cell_selected(self, event: DataTable.CellSelected) -> None:
        """A cell of the matrix: what was FIXED between its models; once more, REGRESSED."""
        assert self.figures is not None
        models = names(self.figures)
        row, column = event.coordinate.row, event.coordinate.column - 1
        if event.data_table.id == "matrix" and column >= 0 and row != column:
            pair = (models[column], models[row])
            again = pair == (self._first, self._second) and self._filter == "fixed"
            self._first, self._second = pair
            self._filter = "regressed" if again else "fixed"
            self._list()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to be filtered before something is measured."""
        return self.figures is not None or action not in ("filter", "pair", "search")

    def action_filter(self) -> None:
        """All, fixed, regressed, wrong, right, wrong in all, mixed."""
        if self.figures is not None:
            at = comparison.FILTERS.index(self._filter)
            self._filter = comparison.FILTERS[(at + 1) % len(comparison.FILTERS)]
            self._list()

    def action_pair(self) -> None:
        """The next two models."""
        if self.figures is not None:
            models = names(self.figures)
            pairs = [(a, b) for i, b in enumerate(models) for a in models[:i]]
            if pairs:
                now = (self._first, self._second)
                at = pairs.index(now) + 1 if now in pairs else 0
                self._first, self._second = pairs[at % len(pairs)]
                self._list()

    def action_search(self) -> None:
        """Only examples that contain a text; an empty one shows all again."""
        if self.figures is not None:
            question = "Only examples that contain (nothing shows all again):"
            self.app.push_screen(Ask(question, self._words, search=True), self._search)

    def _search(self, words: str | None) -> None:
        if words is not None:
            self._words = words
            self._list()
