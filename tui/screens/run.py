"""One run, live and afterwards: its curves, figures, alerts, and what can be done next."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from shadow_mlx import machine
from shadow_mlx.machine import Business
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.deaths import Death, death_of
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.runs.launching import log_tail
from shadow_mlx.runs.listing import find_runs
from shadow_mlx.runs.live import is_live
from shadow_mlx.runs.record import follow
from shadow_mlx.terminal import visible
from tui.screens import overlays
from tui.screens.overlays import OverlayDialog
from tui.screens.run_log import RunLog
from tui.screens.steering import SteeringPage
from tui.state import AT_END
from tui.views import run_facts
from tui.views.alerts import Alert, alerts, died
from tui.views.loss_curves import Ahead, Overlay
from tui.views.plot import Look
from tui.views.run_facts import Difference
from tui.views.words import headline, summary
from tui.widgets.chart import LossChart
from tui.widgets.divider import Divider
from tui.widgets.fact_list import FactList
from tui.widgets.gauges import Gauges
from tui.widgets.samples import SamplePane

WATCH_SECONDS = 0.5
MACHINE_SECONDS = 2.0
AT_THE_END = (
    "The end of a run is shown, and nothing more.",
    "The terminal rings at the end of the run that is open.",
    "The desktop is told of the end of the run that is open; where the terminal cannot, it rings.",
)
LEAST_HEIGHT = 20
"""Rows of a screen that has room for the answers beside the chart."""


class RunScreen(SteeringPage):
    """The live view of one run folder at a time."""

    NAME = "run"
    HELP = """\
# A run

The run works in a process of its own: leaving this page, or the program, does not end it.

- `s` stop and save: `shadow-mlx train --resume` or `r` here goes on later
- `p` pause or go on · `x` discard everything that it wrote
- `c` chat with it · `v` compare base, attached and detached · `t` train again with its settings
- `e` export its detached model as a folder of its own · `D` distil: go on with its shadow alone,
  which the attached model teaches on the same data
- `o` choose other runs whose validation losses are laid over it
- `L` all that its process printed · `b` what its end does: nothing more, a bell of the terminal, or
  a notification of the desktop
- `[` and `]` what it answered at an earlier or later validation, what differs from the expected
  answer underlined · `n` another example · `a` hides and shows the answers
- `<` and `>` (or `F9` and `F10`, or the mouse) move the line between the panes
"""
    DEFAULT_CSS = """
    RunScreen #panes { height: 1fr; }
    RunScreen #left { width: 1fr; height: 1fr; }
    RunScreen #figures { height: auto; padding: 0 1; }
    RunScreen #side { width: 100%; height: auto; max-height: 40%; }
    RunScreen #log { height: auto; max-height: 8; padding: 0 1; color: $text-muted; }
    RunScreen #head { height: 1; padding: 0 1; }
    RunScreen #next { height: auto; padding: 0 1; color: $text-success; }
    RunScreen #alerts { height: auto; max-height: 5; padding: 0 1; color: $text-error; }
    RunScreen.-narrow #panes { layout: vertical; }
    RunScreen.-narrow Divider { display: none; }
    RunScreen.-wide #panes { layout: horizontal; }
    RunScreen.-wide #side { width: 42; height: 100%; max-height: 100%; }
    RunScreen.-wide #log { max-height: 100%; }
    RunScreen.-narrow.-low #log { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "overlay", "Overlay", show=False, id="run-overlay"),
        Binding("L", "log", "Log", tooltip="All that it printed", show=False, id="run-log"),
        Binding(
            "b", "at_end", "Bell", tooltip="What the end of a run does", show=False, id="run-bell"
        ),
        Binding(
            "left_square_bracket", "samples(-1)", "Earlier answers", show=False, id="run-earlier"
        ),
        Binding("right_square_bracket", "samples(1)", "Later answers", show=False, id="run-later"),
        Binding("n", "example", "Another example", show=False, id="run-example"),
        Binding("a", "answers", "Answers", show=False, id="run-answers"),
        Binding("less_than_sign", "divide(-1)", "Divider left", show=False),
        Binding("greater_than_sign", "divide(1)", "Divider right", show=False),
        Binding("escape", "back", "Back"),
    ]

    @dataclass
    class Grown(Message):
        """The run's record grew."""

        folder: Path
        view: RunView

    @dataclass
    class Watched(Message):
        """A look at the run's process."""

        folder: Path
        live: bool
        exit_code: int | None
        output: str
        death: Death | None
        free_disk_bytes: int

    def __init__(self) -> None:
        super().__init__()
        self._forget(Path())

    def _forget(self, folder: Path) -> None:
        self.steer(folder)
        self.exit_code: int | None = None
        self._overlays: tuple[Overlay, ...] = ()
        self._others: list[Path] = []
        self._differences: dict[str, list[Difference]] = {}
        self._with_answers = True
        self._alerts: list[Alert] = []
        self._output = ""
        self._death: Death | None = None
        self._free_disk_bytes = -1  # not known
        self._shown: dict[str, object] = {}
        self._worked = False  # when it was drawn last
        self._machine = Business()

    def body(self) -> ComposeResult:
        """Headline, alerts; chart and answers beside figures and notes."""
        look = Look(**{k: v for k, v in self.ui.state.chart.items() if k in ("log", "smoothing")})
        yield Static(id="head", markup=False)
        yield Static(id="next", markup=False)
        yield Static(id="alerts", markup=False)
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield LossChart(look, id="chart")
                yield SamplePane(id="samples")
            yield Divider("run")
            with Vertical(id="side"):
                yield Static(id="figures", markup=False)
                yield FactList(id="facts")
                yield FactList(id="machine")
                yield Gauges(id="gauges")
                yield Static(id="log", markup=False)

    def on_mount(self) -> None:
        """Begin to follow the run."""
        if self.ui.run_shown is not None:
            self.open(self.ui.run_shown)

    def open(self, folder: Path) -> None:
        """Show a run, in the place of another one.

        Args:
            folder: The adapter folder.
        """
        self._forget(folder)
        self.query_one(LossChart).begin()
        self.query_one(SamplePane).begin()
        self._draw(True)
        self._follow(folder)
        self._watch(folder)
        self._look_at_machine()

    def close(self) -> None:
        """Follow no run any more."""
        self._forget(Path())
        for group in ("follow", "watch", "machine", "overlay"):
            self.workers.cancel_group(self, group)

    @work(exclusive=True, group="follow")
    async def _follow(self, folder: Path) -> None:
        async for view in follow(folder):
            self.post_message(self.Grown(folder, view))

    @work(exclusive=True, group="watch")
    async def _watch(self, folder: Path) -> None:
        """Notice what no event tells: a process that began or died, silence, a full disk."""
        known: tuple[object, Death | None] = (None, None)
        while True:
            launched = self.ui.launched.get(folder)
            code = launched.process.returncode if launched else None
            live = await asyncio.to_thread(is_live, folder)
            output = await asyncio.to_thread(log_tail, folder)
            view = self.view
            seen = (live, code, view.version)
            if seen != known[0]:
                found = None if live else await asyncio.to_thread(death_of, folder, view, code)
                known = (seen, found)
            free = await asyncio.to_thread(_free_disk, folder)
            self.post_message(self.Watched(folder, live, code, output, known[1], free))
            await asyncio.sleep(WATCH_SECONDS)

    @work(exclusive=True, group="machine")
    async def _look_at_machine(self) -> None:
        """How busy the machine is while the run works; the next look at the run shows it."""
        while True:
            if self.working:
                self._machine = await asyncio.to_thread(machine.business)
            await asyncio.sleep(MACHINE_SECONDS)

    def on_resize(self) -> None:
        """Other words and figures fit."""
        self.call_after_refresh(self._draw_words)
        self.call_after_refresh(self._draw_facts)

    def on_run_screen_grown(self, message: Grown) -> None:
        """Draw the newest state."""
        if message.folder == self.folder:
            self.view = message.view
            self._draw(True)

    def on_run_screen_watched(self, message: Watched) -> None:
        """Draw what changed around the run."""
        if message.folder != self.folder:
            return
        self.live, self.exit_code = message.live, message.exit_code
        self._output, self._death = message.output, message.death
        self._free_disk_bytes = message.free_disk_bytes
        self._draw(False)

    def resting(self) -> str:
        """The chart."""
        return "#chart"

    def _draw(self, fresh: bool) -> None:
        self.heed()
        self._alerts = alerts(
            self.view,
            live=self.live,
            now=time.time(),
            memory_bytes=machine.memory_of_machine(),
            free_disk_bytes=self._free_disk_bytes,
        )
        if self.status in ("interrupted", "empty"):
            alert = died(self.exit_code, self._output, self._death)
            self._alerts[:0] = [alert] if alert else []
        warnings = "\n".join(f"! {visible(a.text)} → {a.action}" for a in self._alerts)
        self._draw_words()
        self._put("alerts", warnings)
        self._draw_facts()
        answers = self.query_one(SamplePane)
        answers.display = (
            self._with_answers and bool(self.view.samples) and self.size.height >= LEAST_HEIGHT
        )
        if fresh or self._worked != self.working:
            answers.show(self.view.samples)
            self._draw_curves()
        if self._worked and not self.working:
            self.ui.tell_end(f"{self.folder.name}: {self.status}")
        self._worked = self.working
        adapter = holds_adapter(self.folder)
        possible = (self.status, self.asked, self.view.saved_step is None, self._starting, adapter)
        if self._shown.get("keys") != possible:  # drawing the footer anew is not cheap
            self._shown["keys"] = possible
            self.refresh_bindings()

    def _draw_words(self) -> None:
        """What the run is and does, and what can be done next."""
        self._put("head", self._head())
        self._put("next", self._next())

    def _draw_facts(self) -> None:
        """The figures: in lines with small charts where there is a pane for them, else in a row."""
        wide, working, now = self.has_class("-wide"), self.working, time.time()
        taken = run_facts.times(self.view, running=working, now=now)
        facts = run_facts.facts_of(self.view)
        row = run_facts.in_a_row([*taken, *run_facts.measures(self.view), *facts])
        self._put("figures", "" if wide else row)
        self.query_one("#facts", FactList).show([*taken, *facts] if wide else [])
        busy = run_facts.machine_facts(self._machine) if wide and working else []
        self.query_one("#machine", FactList).show(busy)
        self.query_one(Gauges).display = wide and self.view.trained is not None
        self._put("log", run_facts.notes(self.view, self._differences))

    def _draw_curves(self) -> None:
        ahead, total = None, self.view.total_steps
        if self.working and total:
            now = time.time()
            taken = run_facts.elapsed(self.view, now, running=True) or 0.0
            ahead = Ahead(total, taken + (run_facts.left_of(self.view, now) or 0.0))
        self.query_one(LossChart).show(self.view, self._overlays, ahead)
        self.query_one(Gauges).show(self.view, total if ahead else None)

    def draw_state(self) -> None:
        """Show what the run does now."""
        self._put("head", self._head())

    def _put(self, name: str, content: str | Text) -> None:
        """Update a part when it changed; an empty one takes no room."""
        if self._shown.get(name) != content:
            self._shown[name] = content
            part = self.query_one(f"#{name}", Static)
            part.update(content)
            part.display = bool(content)

    def _head(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append_text(
            headline(self.view, self.status, self.folder, self.size.width - 2, asked=self.asked)
        )
        return text

    def _next(self) -> str:
        """What the run left and what can be done with it, once it is over.

        Before it has a record, what it printed last: the answers that it has written, say.
        """
        if not self.view.version and (self.live or self._starting):  # before the first step
            return visible("".join(self._output.splitlines()[-1:]))
        over = self.status not in ("running", "starting", "empty")
        actions = [
            name for name in ("resume", "chat", "compare", "export") if self.check_action(name, ())
        ]
        width = self.size.width - 2
        return visible(summary(self.view, self.status, actions, width)) if over else ""

    def action_samples(self, by: int) -> None:
        """The answers of an earlier or later validation."""
        self.query_one(SamplePane).turn(by)

    def action_example(self) -> None:
        """The answers to another example."""
        self.query_one(SamplePane).next_example()

    def action_answers(self) -> None:
        """Show the answers, or leave their room to the chart."""
        self._with_answers = not self._with_answers
        self._draw(False)

    def action_back(self) -> None:
        """Leave this view; the run goes on."""
        self.ui.leave_run()

    @work(exclusive=True, group="overlay")
    async def action_overlay(self) -> None:
        """Choose other runs whose validation losses are laid over this one's."""
        known = self.ui.state.runs
        runs = await asyncio.to_thread(find_runs, known, Path.cwd())
        folder, others = self.folder, [run for run in runs if run != self.folder]
        if not others:
            self.ui.tell("There is no other run to lay over this one.")
            return
        chosen = await self.app.push_screen_wait(OverlayDialog(others, self._others))
        if chosen is None or folder != self.folder:
            return
        self._others = list(chosen)
        self._overlays = await overlays.read(self._others)
        self._differences = await asyncio.to_thread(overlays.differences, folder, self._others)
        self._draw(True)

    def action_log(self) -> None:
        """All that the run printed."""
        self.app.push_screen(RunLog(self.folder, self.view.notes))

    def action_at_end(self) -> None:
        """What the end of a run does, beside being shown here: the next of three."""
        at = (AT_END.index(self.ui.state.at_end) + 1) % len(AT_END)
        self.ui.remember(at_end=AT_END[at])
        self.ui.tell(AT_THE_END[at])

    def on_loss_chart_look_changed(self, message: LossChart.LookChanged) -> None:
        """Remember how curves are shown."""
        look = message.look
        chosen = {} if look.log is None else {"log": look.log}
        self.ui.remember(chart={**chosen, "smoothing": look.smoothing})


def _free_disk(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return -1


PAGE = RunScreen
