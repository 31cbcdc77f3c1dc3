"""Compare: one prompt to all modes side by side, and all modes on a whole test file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from shadow_mlx.config import ColumnConfig, CompareConfig
from shadow_mlx.config.paths import absolute, from_here, home_expanded, local
from shadow_mlx.data.trained_on import columns_of, held_out_file
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.evaluation.contenders import contenders
from shadow_mlx.evaluation.report import free_report_name, write_report
from shadow_mlx.files.writing import check_writable
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.runs.listing import adapters_of_runs
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.base import Page
from tui.screens.batch_view import BatchView
from tui.screens.comparing import AdapterPicker
from tui.screens.dialogs import Ask, Choice
from tui.screens.settings import FormDialog
from tui.views import form
from tui.views.chat_view import Weights
from tui.views.words import bar
from tui.widgets.field import Field
from tui.widgets.side_by_side import LETTERS, Column, SideBySide, letter_of
from tui.widgets.waiting import Waiting

if TYPE_CHECKING:
    from shadow_mlx.evaluation.contenders import Contender

OF_DATA = (
    "data",
    "adapter_path",
    "rival",
    "model",
    "trust_remote_code",
    *ColumnConfig().to_mapping(),
)
"""Options that are not kept for the next test file."""
NO_ADAPTER = "There is no adapter to compare: train one, or ctrl+o opens one."


class CompareScreen(Page):
    """Two ways to compare: by one prompt, or by a test file."""

    NAME = "compare"
    HELP = """\
# Compare

What does detaching cost? Write a prompt: base, attached and detached answer it side by side; what
differs from **attached** is underlined.

- `Ctrl+O` chooses the adapters: any number of them, side by side and on the test file
- `Ctrl+B` blind: the answers stand in random order without names; `a`, `b`, `c` … or a click
  votes, and the names are shown
- `Ctrl+R` measures a whole **test file**: exact matches, loss, speed, memory, and what each model
  FIXED and REGRESSED against each other; asked by a form of all that `shadow-mlx compare` takes
- there: `f` filters the examples, `p` changes the pair, `/` searches, `Enter` on a cell of the
  matrix shows what changed, `Enter` on an example shows it whole; `e` writes it all as an HTML
  report; `w` goes back to the prompt
- `Escape` stops (what is measured by then is kept), or leaves the field
"""
    DEFAULT_CSS = """
    CompareScreen #status { height: 1; padding: 0 1; background: $panel; }
    CompareScreen #prompt { margin: 0 1; height: 1; }
    CompareScreen.-low #detail, CompareScreen.-low Divider { display: none; }
    CompareScreen BatchView { display: none; }
    CompareScreen.-batch BatchView { display: block; }
    CompareScreen.-batch SideBySide, CompareScreen.-batch #prompt { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "batch", "Test file", id="compare-batch", priority=True),
        Binding("ctrl+b", "blind", "Blind", id="compare-blind", priority=True),
        Binding("ctrl+o", "open", "Adapters", id="compare-open", priority=True),
        Binding("w", "prompt", "Prompt", id="compare-prompt"),
        Binding("e", "export", "Report", id="compare-export"),
        *(Binding(x.lower(), f"vote({i})", f"Vote {x}", show=False) for i, x in enumerate(LETTERS)),
        Binding("escape", "stop_or_leave", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.adapters: tuple[str, ...] = ()
        self.blind = False
        self._columns, self._view = SideBySide(), BatchView()
        self._contenders: list[Contender] = []
        self._waiting = Waiting()
        self._prompt = ""  # the one that is answered, or was answered last
        self._asked: int | None = None
        self._stopping = False
        self._busy = ""

    def body(self) -> ComposeResult:
        """Status; prompt and columns; or the figures of a file."""
        yield Static(id="status", markup=False)
        yield Field(placeholder="a prompt for all of them (Enter)", compact=True, id="prompt")
        yield self._columns
        yield self._waiting
        yield self._view

    def on_mount(self) -> None:
        """Begin with the newest adapter."""
        self._draw()
        if self.adapters:
            self._seat()
        else:
            self._load_newest()

    @work(exclusive=True, group="newest")
    async def _load_newest(self) -> None:
        known = await self._known_adapters()
        if known and not self.adapters:
            self.load(known[0])

    async def _known_adapters(self) -> list[str]:
        return await asyncio.to_thread(adapters_of_runs, self.ui.state.runs, Path.cwd())

    def load(self, *adapters: str) -> None:
        """Compare these adapters' modes."""
        self.adapters = adapters
        if self.is_mounted:
            self._seat()

    @work(exclusive=True, group="seat")
    async def _seat(self) -> None:
        await self._make_columns()
        self.remove_class("-batch")
        self._draw()
        self.refresh_bindings()
        self._go_on()

    async def _make_columns(self) -> None:
        self._contenders = await asyncio.to_thread(contenders, self.adapters)
        reference = next(one.name for one in self._contenders if one.mode == "attached")
        names = [one.name for one in self._contenders]
        await self._columns.seat(names, reference, [one.mode for one in self._contenders])

    def resting(self) -> str:
        """The answers, or the examples of a file."""
        return "#examples" if self.has_class("-batch") else "Column"

    def field(self) -> str:
        """The prompt."""
        return "#prompt"

    def _draw(self) -> None:
        names = ", ".join(visible(Path(adapter).name) for adapter in self.adapters)
        hint = "type a prompt, or ctrl+r for a test file" if self._contenders else "…"
        if self.has_class("-batch"):
            hint = "w goes back to the prompt, ctrl+r measures another test file"
        if options := self.ui.state.answers:
            named = ", ".join(
                f"{name.replace('_', ' ')} {value}" for name, value in options.items()
            )
            hint = f"{hint} · as in the chat: {named}"
        if self.blind:
            hint = f"blind: the next answers come without names · {hint}"
        text = f"{names} · {self._busy or hint}"
        if not self.adapters:
            text = "no adapter yet: train one (4), or ctrl+o"
        self.query_one("#status", Static).update(Text(text, no_wrap=True))

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Let all of them answer, now or when this prompt's turn comes."""
        prompt = event.value.strip()
        if not self._contenders and not self.adapters:
            self.ui.tell(NO_ADAPTER)
        if self._asked is not None and prompt in (self._prompt, *self._waiting.texts):
            self.ui.tell("Still at work; Escape stops it.", "warning")
        elif prompt:
            self._waiting.add(prompt)
        event.input.select_all()  # it stays to be seen; what is typed next is another one
        self._ask_next()

    def _go_on(self) -> None:
        """Ask what waits, after the vote on what was answered."""
        if not self._columns.can_vote:
            self._ask_next()

    def _ask_next(self) -> None:
        if self._asked is None and self._contenders and self._waiting.texts:
            self._prompt = self._waiting.next()
            self._asked, self._stopping = 0, False
            self._ask(self._prompt)

    @work(exclusive=True, group="ask")
    async def _ask(self, prompt: str) -> None:
        columns = self._columns
        columns.begin(blind=self.blind)
        messages = [{"role": "user", "content": prompt}]
        try:
            for contender in self._contenders:
                self._say("loading")
                await self.ui.processes.loaded(Weights(adapter=contender.adapter))
                if self._stopping:
                    break
                self._say("answering" if columns.hidden else f"{contender.name} answers")
                await self._stream(contender, messages)
        except ChildError as error:
            self.ui.tell(str(error), "error")
        self._asked = None
        self._say("")
        if columns.can_vote:
            if self.query_one("#prompt", Field).value.strip() == prompt:  # nobody writes in it
                self.action_leave_field()
        elif columns.hidden:
            columns.reveal()
        self.refresh_bindings()
        if not self._stopping:
            self._go_on()

    def _say(self, busy: str) -> None:
        """What is at work now; drawn when it changes, however often it is told."""
        if visible(busy) != self._busy:
            self._busy = visible(busy)
            self._draw()

    async def _stream(self, contender: Contender, messages: list[dict[str, str]]) -> None:
        child = self.ui.processes["models"]
        number = self._asked = child.number()
        pieces: list[str] = []
        request = m.Ask(number, contender.mode, messages, self.ui.state.answers)
        async for reply in child.ask(request):
            if isinstance(reply, m.Piece) and reply.part == "reasoning":
                self._columns.hear(contender.name, "(thinking …)")
            elif isinstance(reply, m.Piece):
                pieces.append(reply.text)
                self._columns.hear(contender.name, "".join(pieces))
            elif isinstance(reply, m.Answered):
                self._columns.keep(contender.name, reply)

    def action_vote(self, place: int) -> None:
        """Vote for an answer, then see whose it is."""
        winner = self._columns.vote(place)
        if winner is not None:
            self.ui.tell(f"{letter_of(place)} was {winner}.")
            self.query_one("#prompt").focus()
            self.refresh_bindings()
            self._go_on()

    def on_column_picked(self, event: Column.Picked) -> None:
        """A click votes too."""
        self.action_vote(event.place)

    def action_blind(self) -> None:
        """Hide the names of the next answers, or not."""
        self.blind = not self.blind
        self._draw()
        self.ui.tell("Blind: the next answers come without names." if self.blind else "Not blind.")

    def action_prompt(self) -> None:
        """Back to the prompt and the columns."""
        self.remove_class("-batch")
        self._draw()
        self.query_one("#prompt").focus()
        self.refresh_bindings()

    @work(exclusive=True, group="dialog")
    async def action_open(self) -> None:
        """Choose the adapters."""
        known = await self._known_adapters()
        chosen = await self.app.push_screen_wait(AdapterPicker(known, self.adapters))
        if chosen is not None:
            self.load(*chosen)

    def action_stop_or_leave(self) -> None:
        """Stop what is at work, take back what waits; else leave the field."""
        waits = bool(self._waiting.texts)
        if self._asked is not None:
            self._stopping = True
            self.ui.processes["models"].stop(self._asked)
        elif not waits:
            self.action_leave_field()
        if waits:
            prompt = self.query_one("#prompt", Field)
            written = "" if prompt.value.strip() in self._waiting.texts else prompt.value
            prompt.value = " ".join(self._waiting.take_back(written).split("\n"))
            prompt.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of the other way to compare are not shown."""
        batch = self.has_class("-batch")
        if action in ("prompt", "blind"):
            return batch == (action == "prompt")
        if action == "export":
            return batch and self._view.figures is not None
        if action == "vote":
            (place,) = parameters
            columns = self._columns
            return not batch and columns.can_vote and place in range(len(columns.order))
        return True

    @work(exclusive=True, group="dialog")
    async def action_batch(self) -> None:
        """Measure a test file, by every option that the command has."""
        if self._asked is not None:
            self.ui.tell("Still at work; Escape stops it.", "warning")
            return
        guess = held_out_file(Path(self.adapters[0])) if self.adapters else None
        shown = {
            **self.ui.state.compare,
            "data": from_here(guess or ""),
            "adapter_path": [from_here(one) for one in self.adapters],
        }
        dialog = FormDialog(CompareConfig, shown, title="Measure a test file", button="Measure")
        options = await self.app.push_screen_wait(dialog)
        if options is not None and self._asked is None:
            self.ui.remember(compare=form.chosen(options, leaving=OF_DATA))
            self._measure(options)

    async def _follow(self, adapters: tuple[str, ...]) -> None:
        """What a form has named is compared from now on, one prompt at a time too."""
        others = [*map(absolute, adapters)] != [*map(absolute, self.adapters)]
        if others and adapters and all(map(holds_adapter, adapters)):
            self.adapters = adapters
            await self._make_columns()

    @work(exclusive=True, group="ask")
    async def _measure(self, asked: CompareConfig) -> None:
        child = self.ui.processes["models"]
        number = self._asked = child.number()
        options = asked.to_mapping()
        if not asked.named():
            data, adapters = str(asked.data), asked.adapters
            known = next(filter(None, (columns_of(one, data) for one in adapters)), {})
            options |= known or self.ui.state.columns_of(absolute(data))
        request = m.CompareFile(number, options)
        self.ui.processes.forget_loaded()
        await self._follow(asked.adapters)
        self.add_class("-batch")
        self._say("loading")
        try:
            async for reply in child.ask(request):
                if isinstance(reply, m.Progress):
                    share = reply.done / max(1, reply.total)
                    self._say(f"{reply.what} {bar(share, 20)} {share:.0%} (esc stops)")
                elif isinstance(reply, m.Compared):
                    self._view.show(reply.figures)
        except ChildError as error:
            self.ui.tell(str(error), "error")
        self._asked = None
        self._say("")
        if self._view.figures is None:  # nothing was measured
            self.action_prompt()
        self.refresh_bindings()

    @work(exclusive=True, group="dialog")
    async def action_export(self) -> None:
        """Write the measured test file as one HTML page."""
        figures = self._view.figures
        assert figures is not None
        question = "HTML report, with plots and every example. Its name:"
        free = free_report_name(str(figures["data"]))
        name = await self.app.push_screen_wait(Ask(question, free, path=True))
        if name is None:
            return
        path = home_expanded(name)
        if local(name) is not None and path.is_file():
            replace = Choice(f"{path} is there already.", [("yes", "y", "Replace it")])
            if await self.app.push_screen_wait(replace) is None:
                return
        try:
            check_writable(path)
            await asyncio.to_thread(write_report, path, figures)
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
        else:
            self.ui.tell(f"The report is written: {path.resolve()}")


PAGE = CompareScreen
