"""Compare: one prompt to all modes side by side, and all modes on a whole test file."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import DataTable, Input, Static

from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui import bridge, comparison
from tui.child import ChildError
from tui.screens.base import Page
from tui.screens.dialogs import Ask
from tui.words import bar, gigabytes

MODES = ("base", "attached", "detached")
LETTERS = "ABC"


class Column(VerticalScroll):
    """One mode's answer, with what it took."""

    DEFAULT_CSS = """
    Column { width: 1fr; height: 1fr; border: round $panel-lighten-2; padding: 0 1; }
    Column:focus { border: round $primary; }
    """

    def compose(self) -> ComposeResult:
        """The answer."""
        yield Static(markup=False)

    def show(self, title: str, subtitle: str, content: str | Text) -> None:
        """Put everything in."""
        self.border_title = Text(title)
        self.border_subtitle = Text(subtitle)
        self.query_one(Static).update(content)


class CompareScreen(Page):
    """Two ways to compare: by one prompt, or by a test file."""

    NAME = "compare"
    HELP = """\
# Compare

What does detaching cost? Write a prompt: base, attached and detached answer it side by side; what
differs from **attached** is underlined.

- `Ctrl+B` blind: the answers stand in random order without names; `a`, `b`, `c` vote, and the
  names are shown
- `Ctrl+R` measures a whole **test file**: exact matches, loss, speed, memory, and what each mode
  FIXED and REGRESSED; `f` filters the examples, `p` changes the pair, `Enter` shows one
- `Ctrl+O` another adapter · `Escape` stops, or leaves the field
"""
    DEFAULT_CSS = """
    CompareScreen #status { height: 1; padding: 0 1; background: $primary; color: $text; }
    CompareScreen #prompt { margin: 0 1; height: 1; }
    CompareScreen #columns { height: 1fr; }
    CompareScreen #tally { height: auto; padding: 0 1; }
    CompareScreen #batch { height: 1fr; display: none; }
    CompareScreen #figures { height: auto; max-height: 8; }
    CompareScreen #matrix { height: auto; padding: 0 1; }
    CompareScreen #examples { height: 1fr; }
    CompareScreen #detail { height: 2fr; border-top: solid $panel-lighten-2; padding: 0 1; }
    CompareScreen.-narrow #columns { layout: vertical; }
    CompareScreen.-batch #batch { display: block; }
    CompareScreen.-batch #columns, CompareScreen.-batch #prompt { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "batch", "Test file", id="compare-batch", priority=True),
        Binding("ctrl+b", "blind", "Blind", id="compare-blind", priority=True),
        Binding("ctrl+o", "open", "Adapter", id="compare-open", priority=True),
        Binding("w", "prompt", "Prompt", id="compare-prompt"),
        Binding("f", "filter", "Filter", id="compare-filter"),
        Binding("p", "pair", "Pair", id="compare-pair"),
        *(Binding(x.lower(), f"vote({i})", f"Vote {x}") for i, x in enumerate(LETTERS)),
        Binding("escape", "stop_or_leave", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.adapter: str | None = None
        self.answers: dict[str, m.Answered] = {}
        self.order: list[str] = list(MODES)
        self.blind = False
        self._hidden = False
        self._asked: int | None = None
        self._busy = ""
        self._result: m.Compared | None = None
        self._examples: list[comparison.Example] = []
        self._filter = "all"
        self._pair = 0
        self._found: list[comparison.Example] = []
        self._tally: dict[str, int] = {}

    def body(self) -> ComposeResult:
        """Status; prompt and columns; or the figures of a file."""
        yield Static(id="status", markup=False)
        yield Input(placeholder="a prompt for all three (Enter)", compact=True, id="prompt")
        with Horizontal(id="columns"):
            for i in range(len(MODES)):
                yield Column(id=f"column-{i}")
        with Vertical(id="batch"):
            yield DataTable(id="figures", cursor_type="none", show_cursor=False)
            yield Static(id="matrix", markup=False)
            yield DataTable(id="examples", cursor_type="row")
            with VerticalScroll(id="detail"):
                yield Static(id="one", markup=False)
        yield Static(id="tally", markup=False)

    def on_mount(self) -> None:
        """Begin with the newest adapter."""
        self.query_one("#prompt", Input).focus()
        self._draw()
        if self.adapter is None:
            self._load_newest()

    @work(exclusive=True, group="newest")
    async def _load_newest(self) -> None:
        runs = await asyncio.to_thread(bridge.find_runs, self.ui.state.runs, Path.cwd())
        with_adapter = [run for run in runs if bridge.has_adapter(run)]
        if with_adapter and self.adapter is None:
            self.load(str(with_adapter[0]))

    def load(self, adapter: str) -> None:
        """Compare another adapter's modes."""
        self.adapter = adapter
        self.answers, self._result = {}, None
        self.remove_class("-batch")
        self._draw()

    def _draw(self) -> None:
        name = visible(Path(self.adapter).name) if self.adapter else ""
        state = self._busy or ("type a prompt, or ctrl+r for a test file" if name else "")
        text = f" {name} · {state}" if name else " no adapter yet: train one (4), or ctrl+o"
        self.query_one("#status", Static).update(Text(text, no_wrap=True))
        reference = self.answers.get("attached")
        for i, mode in enumerate(self.order):
            answer = self.answers.get(mode)
            title = LETTERS[i] if self._hidden else f"{LETTERS[i]} {mode}"
            content: str | Text = ""
            if answer is not None:
                shown = visible(answer.text)
                same = self._hidden or reference is None or mode == "attached"
                content = Text(shown) if same else self._marked(reference, shown)
            cost = "" if self._hidden or answer is None else _cost(answer)
            self.query_one(f"#column-{i}", Column).show(title, cost, content)
        self.query_one("#tally", Static).update(self._votes())
        self.query_one("#tally").display = bool(self._votes())
        self.refresh_bindings()

    def _marked(self, reference: m.Answered | None, shown: str) -> Text:
        assert reference is not None
        return comparison.differing(visible(reference.text), shown)

    def _votes(self) -> str:
        if self._hidden and len(self.answers) == len(MODES):
            return "Which answer is the best? a, b or c"
        if not self._tally:
            return "blind: the next answers come without names" if self.blind else ""
        won = " · ".join(f"{mode} {self._tally.get(mode, 0)}" for mode in MODES)
        return f"votes: {won}"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Let all modes answer."""
        prompt = event.value.strip()
        if not prompt:
            return
        if self.adapter is None:
            self.ui.tell("There is no adapter to compare: train one, or ctrl+o opens one.")
        elif self._asked is not None:
            self.ui.tell("Still at work; Escape stops it.", "warning")
        else:
            self._ask(prompt)

    @work(exclusive=True, group="ask")
    async def _ask(self, prompt: str) -> None:
        child = self.ui.child("models")
        self.answers, self._hidden = {}, self.blind
        self.order = list(MODES)
        if self.blind:
            random.shuffle(self.order)
        messages = [{"role": "user", "content": prompt}]
        try:
            await self._ensure_loaded()
            for mode in MODES:
                self._busy = "answering" if self.blind else f"{mode} answers"
                self._draw()
                number = self._asked = child.number()
                request = m.Ask(number, mode, messages, self.ui.state.sampling)
                await self._stream(request, mode)
        except ChildError as error:
            self.ui.tell(str(error), "error")
        self._asked, self._busy = None, ""
        self._draw()
        if self._hidden:
            self.set_focus(None)

    async def _stream(self, request: m.Ask, mode: str) -> None:
        pieces: list[str] = []
        column = self.query_one(f"#column-{self.order.index(mode)}", Column)
        async for reply in self.ui.child("models").ask(request):
            if isinstance(reply, m.Piece):
                pieces.append(reply.text)
                column.query_one(Static).update(visible("".join(pieces)))
            elif isinstance(reply, m.Answered):
                self.answers[mode] = reply

    async def _ensure_loaded(self) -> None:
        self._busy = "loading"
        self._draw()
        await self.ui.loaded(None, self.adapter)

    def action_vote(self, i: int) -> None:
        """Vote for an answer, then see whose it is."""
        if self._hidden and len(self.answers) == len(MODES):
            mode = self.order[i]
            self._tally[mode] = self._tally.get(mode, 0) + 1
            self._hidden = False
            self._draw()
            self.ui.tell(f"{LETTERS[i]} was {mode}.")
            self.query_one("#prompt", Input).focus()

    def action_blind(self) -> None:
        """Hide the names of the next answers, or not."""
        self.blind = not self.blind
        self._draw()
        self.ui.tell("Blind: the next answers come without names." if self.blind else "Not blind.")

    def action_prompt(self) -> None:
        """Back to the prompt and the three columns."""
        self.remove_class("-batch")
        self.query_one("#prompt", Input).focus()
        self.refresh_bindings()

    def action_open(self) -> None:
        """Another adapter."""
        question = "The adapter's folder:"
        self.app.push_screen(
            Ask(question, self.adapter or ""), lambda name: self.load(name) if name else None
        )

    def action_stop_or_leave(self) -> None:
        """Stop what is at work; else leave the field."""
        if self._asked is not None:
            self.ui.child("models").stop(self._asked)
        else:
            self.set_focus(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of the other way to compare are not shown."""
        if action in ("filter", "pair", "prompt"):
            return self.has_class("-batch")
        if action == "vote":
            return self._hidden and len(self.answers) == len(MODES)
        return True

    def action_batch(self) -> None:
        """Measure all modes on a test file."""
        if self.adapter is None:
            self.ui.tell("There is no adapter to compare: train one, or ctrl+o opens one.")
            return
        guess = bridge.test_file(Path(self.adapter)) or ""

        def begin(name: str | None) -> None:
            if name:
                self._measure(name)

        self.app.push_screen(Ask("Test file (chats or completions):", guess), begin)

    @work(exclusive=True, group="ask")
    async def _measure(self, data: str) -> None:
        assert self.adapter is not None
        child = self.ui.child("models")
        number = self._asked = child.number()
        limit = 200
        columns = bridge.columns_of(self.adapter, data) or self.ui.state.columns_of(data)
        request = m.CompareFile(number, data, [self.adapter], limit=limit, columns=columns)
        self._busy = "loading"
        self.ui.forget_loaded()
        self.add_class("-batch")
        self._draw()
        try:
            async for reply in child.ask(request):
                if isinstance(reply, m.Progress):
                    share = reply.done / max(1, reply.total)
                    self._busy = f"{reply.what} {bar(share, 20)} {share:.0%} (esc stops)"
                    self._draw()
                elif isinstance(reply, m.Compared):
                    self._show(reply)
        except ChildError as error:
            self.ui.tell(str(error), "error")
        self._asked, self._busy = None, ""
        self._draw()

    def _show(self, result: m.Compared) -> None:
        self._result = result
        self._examples = comparison.examples_of(result.figures, result.right)
        figures = self.query_one("#figures", DataTable)
        figures.clear(columns=True)
        figures.add_columns(*comparison.columns())
        for row in comparison.rows(result.figures):
            figures.add_row(*map(Text, row))
        self.query_one("#matrix", Static).update(comparison.matrix(result.figures))
        self._list()
        self.query_one("#examples", DataTable).focus()

    def _pairs(self) -> list[tuple[str, str]]:
        assert self._result is not None
        return [(p["first"], p["second"]) for p in self._result.figures["pairings"]]

    def _list(self) -> None:
        pairs = self._pairs()
        if not pairs:
            return
        first, second = pairs[self._pair % len(pairs)]
        table: DataTable[Any] = self.query_one("#examples", DataTable)
        table.clear(columns=True)
        found = comparison.chosen(self._examples, self._filter, first, second)
        title = f"{self._filter}: {second} against {first} ({len(found)})"
        table.add_columns("Line", first, second, visible(title))
        for example in found:
            signs = ["✔" if example.right.get(name) else "✘" for name in (first, second)]
            prompt = " ".join(visible(example.prompt).split())[-100:]
            table.add_row(Text(str(example.line)), *map(Text, signs), Text(prompt))
        self._found = found
        if found:
            self.query_one("#one", Static).update(comparison.detail(found[0]))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the example under the cursor in full."""
        if event.data_table.id == "examples" and 0 <= event.cursor_row < len(self._found):
            self.query_one("#one", Static).update(comparison.detail(self._found[event.cursor_row]))
            self.query_one("#detail").scroll_home(animate=False)

    def action_filter(self) -> None:
        """All, fixed, regressed, wrong, right."""
        if self._result is not None:
            at = comparison.FILTERS.index(self._filter)
            self._filter = comparison.FILTERS[(at + 1) % len(comparison.FILTERS)]
            self._list()

    def action_pair(self) -> None:
        """The next two models."""
        if self._result is not None:
            self._pair += 1
            self._list()


def _cost(answer: m.Answered) -> str:
    return (
        f"{answer.tokens} tok · {answer.generation_tps:,.0f}/s · {gigabytes(answer.memory_bytes)}"
    )


PAGE = CompareScreen
