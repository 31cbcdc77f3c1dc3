"""The training form: every option from its one declaration, the simple ones first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Label, Static

from shadow_mlx.cli.options import GROUP_TITLES
from shadow_mlx.config import TrainConfig
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui import bridge, form, memory
from tui.child import ChildError
from tui.pace import Pace, checks_of, pace_of
from tui.screens.base import Page
from tui.widgets.option_row import OptionRow
from tui.words import clock

QUIET_SECONDS = 0.4
"""How long the form must rest before its memory is estimated."""


class TrainScreen(Page):
    """Fill in, see what it means, start."""

    NAME = "train"
    HELP = """\
# Training

Every option of `shadow-mlx train`. An empty field takes the default that stands in it; the line
below explains the option that has the focus, and a `!` says what is wrong with a value.

- `Ctrl+R` starts the run · `Ctrl+A` shows every option, or only the simple ones
- `Ctrl+D` goes back to the defaults · `Tab` moves on, `Escape` leaves the field
"""
    DEFAULT_CSS = """
    TrainScreen #form { height: 1fr; }
    TrainScreen .group { padding: 1 1 0 1; text-style: bold; color: $text-accent; }
    TrainScreen #help { height: 3; padding: 0 1; background: $panel; }
    TrainScreen #verdict { height: auto; max-height: 6; padding: 0 1; }
    TrainScreen #start-row { height: auto; padding: 0 1; }
    TrainScreen #start { min-width: 20; height: 1; border: none; }
    TrainScreen .expert { display: none; }
    TrainScreen.-everything .expert { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", id="train-start"),
        Binding("ctrl+a", "everything", "All options", id="train-everything", priority=True),
        Binding("ctrl+d", "defaults", "Defaults", id="train-defaults", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._fields = form.fields()
        self._rows: dict[str, OptionRow] = {}
        self._values: dict[str, str] = {}  # texts of the fields whose rows are not made yet
        self._config: TrainConfig | None = None
        self._problems: dict[str, str] = {}
        self._due = False
        self._records: dict[str, tuple[int, int] | None] = {}
        self._paces: dict[str, Pace | None] = {}  # by backbone
        self._weighed: TrainConfig | None = None  # whose memory is known, or being estimated
        self._memory = ""

    def body(self) -> ComposeResult:
        """The fields, what they mean, and the button."""
        self._values = {name: str(text) for name, text in self.ui.state.form.items()}
        with VerticalScroll(id="form", can_focus=False):
            for field in self._fields:
                if field.simple:
                    yield self._row(field)
        yield Static(id="help", markup=False)
        yield Static(id="verdict", markup=False)
        with Horizontal(id="start-row"):
            yield Button("Start training", id="start", variant="primary")

    def on_mount(self) -> None:
        """Check what the form begins with, and explain the focused field."""
        self.watch(self, "focused", self._explain)
        self._check()

    def resting(self) -> Widget:
        """The button, so that Enter starts."""
        return self.query_one("#start")

    def _row(self, field: form.FormField) -> OptionRow:
        row = self._rows[field.name] = OptionRow(field, self._values.get(field.name, ""))
        return row

    async def _mount_experts(self) -> None:
        """The many other rows are made when they are first asked for."""
        if len(self._rows) == len(self._fields):
            return
        parts: list[Widget] = []
        group = ""
        for field in self._fields:
            if field.simple:
                continue
            if field.group != group:
                group = field.group
                title = GROUP_TITLES.get(group, group)
                parts.append(Label(title, classes="group expert", markup=False))
            parts.append(self._row(field))
            parts[-1].add_class("expert")
        await self.query_one("#form").mount_all(parts)

    async def fill(self, values: Mapping[str, Any]) -> None:
        """Put other settings in; everything not named goes back to its default."""
        self._values = {}
        for field in self._fields:
            text = form.to_text(values.get(field.name))
            self._values[field.name] = "" if text == field.default else text
            if field.name in self._rows:
                self._rows[field.name].value = self._values[field.name]
        if any(self._values[field.name] for field in self._fields if not field.simple):
            await self._mount_experts()
            self.add_class("-everything")
        self._check()
        self.query_one("#start", Button).focus()

    def on_option_row_changed(self, message: OptionRow.Changed) -> None:
        """Check again, once for all the changes of a moment."""
        if not self._due:
            self._due = True
            self.call_later(self._check)

    def _texts(self) -> dict[str, str]:
        """What stands in the fields; of rows that are not made yet, what would stand there."""
        return {
            field.name: self._rows[field.name].value
            if field.name in self._rows
            else self._values.get(field.name, "")
            for field in self._fields
        }

    def _check(self) -> None:
        self._due = False
        texts = self._texts()
        self._config, problems = form.problems_of(texts)
        if self._config is not None and (blocked := bridge.check_target(self._config)):
            problems = {"adapter_path": blocked}
            self._config = None
        for row in self._rows.values():
            row.complain(problems.get(row.field.name, ""))
        self._problems = problems
        hidden = [
            text
            for name, text in problems.items()
            if not any(f.name == name and f.simple for f in self._fields)
        ]
        self._say(hidden)
        self._measure(texts.get("data", "").strip())
        if self._config is not None and self._config != self._weighed:
            self._weighed, self._memory = self._config, ""
            self._weigh(self._config)
        self.ui.remember(form={name: text for name, text in texts.items() if text})

    @work(exclusive=True, group="measure")
    async def _measure(self, data: str) -> None:
        """Count the examples, so that steps and epochs can be told."""
        if data not in self._records:
            self._records[data] = await asyncio.to_thread(bridge.records_in, data)
        model = self._config.model if self._config else None
        if model and model not in self._paces:
            known = self.ui.state.runs
            self._paces[model] = await asyncio.to_thread(pace_of, model, known, Path.cwd())
        self._say([])

    @work(exclusive=True, group="memory")
    async def _weigh(self, config: TrainConfig) -> None:
        """Estimate the run's memory, in the child."""
        await asyncio.sleep(QUIET_SECONDS)
        child = self.ui.child("data")
        request = m.Estimate(child.number(), config.to_mapping())
        try:
            async for reply in child.ask(request):
                if isinstance(reply, m.Estimated):
                    self._memory = memory.verdict(reply)
                    self._say([])
        except ChildError as error:
            self._memory = f"! Memory: {str(error).splitlines()[0]}"
            self._say([])

    def _say(self, problems: list[str]) -> None:
        verdict = self.query_one("#verdict", Static)
        if problems or self._config is None:
            known = problems or list(self._problems.values())
            verdict.update(visible("\n".join(f"! {text}" for text in known[:3])))
            return
        records = self._records.get(self._config.data or "")
        pace = self._paces.get(self._config.model or "")
        lines = [extent(self._config, records, pace), self._memory]
        verdict.update(visible("\n".join(line for line in lines if line)))

    def _explain(self) -> None:
        for row in self._rows.values():
            if row.has_focus_within:
                field = row.field
                default = f" Default: {field.default}." if field.default else ""
                text = f"{field.flag}: {field.help}.{default} Takes {field.kind}."
                self.query_one("#help", Static).update(visible(text))
                return
        text = "Enter starts the run · Tab goes to the fields · Ctrl+A shows every option"
        self.query_one("#help", Static).update(text)

    async def action_everything(self) -> None:
        """All options, or the simple ones."""
        await self._mount_experts()
        self.toggle_class("-everything")

    async def action_defaults(self) -> None:
        """Everything as declared, but keep model and data."""
        texts = self._texts()
        await self.fill({"model": texts["model"], "data": texts["data"]})

    def on_button_pressed(self) -> None:
        """Start."""
        self.call_later(self.action_start)

    async def action_start(self) -> None:
        """Start the run, or go to what is wrong."""
        self._check()
        if self._config is None:
            names = [name for name in self._problems if name]
            if names:
                if names[0] not in self._rows:
                    await self._mount_experts()
                row = self._rows[names[0]]
                if not row.field.simple:
                    self.add_class("-everything")
                row.query("Input, Select").first().focus()
            self.app.bell()
            return
        config = self._config
        self._paces.clear()  # the next form may be told by this run
        if config.data:
            self.ui.remember_first("recent_data", config.data)
        await self.ui.launch(config)
        self._rows["adapter_path"].value = bridge.free_folder(config.adapter_path)


def extent(config: TrainConfig, records: tuple[int, int] | None, pace: Pace | None = None) -> str:
    """How long the run is, in plain words; in time too, where an earlier run tells the pace."""
    if records is None:
        return "Ready. The data are looked at when the run starts."
    train, valid = records
    if not valid:
        valid = round(train * config.valid_fraction)
        train -= valid
    each = config.batch_size * config.grad_accumulation_steps
    epoch = max(1, -(-train // each))
    if config.iters is not None:
        steps = config.iters
    elif config.epochs is not None:
        steps = max(1, round(config.epochs * epoch))
    else:
        steps = max(300, 3 * epoch)
    checks = "none" if not valid or not config.val_batches else f"every {config.steps_per_eval}"
    takes = ""
    if pace is not None and (size := bridge.training_bytes(config)):
        checked = checks_of(config, steps) if valid else 0
        takes = f" About {clock(pace.seconds(steps / epoch, size, checked))}, as fast as the last."
    return (
        f"Ready. {train:,} examples to learn from, {valid:,} to validate: {steps:,} steps of "
        f"{each} are {steps / epoch:.1f} epochs; validation {checks} steps.{takes}"
    )


PAGE = TrainScreen
