"""The training form: every option from its one declaration, the simple ones first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from shadow_mlx.config import TrainConfig
from shadow_mlx.config.paths import absolute, from_here
from shadow_mlx.data.reading.sources import refusal_of
from shadow_mlx.runs.launching import check_target, free_folder
from tui.screens.base import Page
from tui.screens.dialogs import Choice
from tui.screens.verdict import Verdict
from tui.views import form, presets
from tui.views.command import command_line
from tui.widgets.option_form import OptionForm
from tui.widgets.preset_row import PresetRow
from tui.widgets.press_button import PressButton

JUDGED_SECONDS = 20.0
"""How long a start waits for the judgement."""
PATHS = ("model", "data", "shadow", "teacher")
"""Fields that stand for the same thing in whatever folder the program is started next."""
WORDS = ("mirror", "base")
"""What may stand there and is no path, whatever lies here."""


class TrainScreen(Page):
    """Fill in, see what it means, start."""

    NAME = "train"
    HELP = """\
# Training

Every option of `shadow-mlx train`. An empty field takes the default that stands in it. Beside the
fields, or below them, stand what the option is that has the focus, what is wrong with it, and what
the run would mean: its time (where no earlier run tells it, a step is tried), its memory, its data.

- `Enter` or `Ctrl+R` starts the run · `Ctrl+A` shows every option, or only the simple ones
- *objective* `pretrain` teaches a shadow to write by itself, before any task: what only tasks have
  is left out then, and *shadow* and *teacher* say where it starts and who it learns from
- `Ctrl+T` goes through the presets *quick*, *normal* and *thorough*, which say what they change;
  what you set yourself stays
- `Ctrl+Y` copies the same run as a command
- `Ctrl+D` goes back to the defaults, `Ctrl+Z` to what stood here before the form was filled
- `Tab` moves on, `Escape` leaves the field
"""
    DEFAULT_CSS = """
    TrainScreen #panes { height: 1fr; }
    TrainScreen #form { width: 1fr; height: 1fr; }
    TrainScreen #side { height: auto; }
    TrainScreen #help { height: 3; padding: 0 1; background: $panel; }
    TrainScreen #verdict { max-height: 7; }
    TrainScreen #start-row { height: auto; padding: 0 1; }
    TrainScreen #start { min-width: 20; height: 1; border: none; }
    TrainScreen #ready { width: 1fr; padding: 0 2; color: $text-muted; }
    TrainScreen.-narrow #panes { layout: vertical; }
    TrainScreen.-wide #form { width: 5fr; max-width: 100; }
    TrainScreen.-wide #side { width: 3fr; max-width: 70; height: 100%; margin-left: 1; }
    TrainScreen.-wide #help { height: auto; min-height: 7; margin-bottom: 1; padding: 1 2; }
    TrainScreen.-wide #verdict { max-height: 60%; margin-bottom: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", id="train-start"),
        Binding("ctrl+a", "everything", "All options", id="train-everything", priority=True),
        Binding("ctrl+t", "preset", "Preset", id="train-preset", priority=True),
        Binding("ctrl+d", "defaults", "Defaults", id="train-defaults", priority=True),
        Binding("ctrl+z", "undo", "Undo", show=False, id="train-undo", priority=True),
        Binding("ctrl+y", "copy", "Command", id="train-copy", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._config: TrainConfig | None = None
        self._problems: dict[str, str] = {}
        self._due = False
        self._former: dict[str, str] = {}  # what stood in the fields before they were filled anew
        self._starting = False
        self._started = ""  # the folder of the run that was started last

    def body(self) -> ComposeResult:
        """The fields, what they mean, and the button."""
        kept = {name: str(text) for name, text in self.ui.state.form.items()}
        yield PresetRow(TrainConfig, id="presets")
        with Horizontal(id="panes"):
            yield OptionForm(TrainConfig, _here(kept), id="form")
            with Vertical(id="side"):
                yield Static(id="help", markup=False)
                yield Verdict(self.ui.processes, id="verdict")
                with Horizontal(id="start-row"):
                    yield PressButton("Start training", id="start", variant="primary")
                    yield Static(id="ready", markup=False)

    def on_mount(self) -> None:
        """Check what the form begins with, and explain the focused field."""
        self.watch(self, "focused", self._explain)

    def on_screen_suspend(self) -> None:
        """Nothing is tried while other pages are looked at."""
        self._verdict.rest()

    def on_screen_resume(self) -> None:
        """Folders and files may have come and gone; a run that was started here has its own."""
        rows = self._form.rows
        if self._started and rows["adapter_path"].value in (self._started, ""):
            rows["adapter_path"].value = self._free(self._started)
        self._verdict.forget()
        self._check()

    @property
    def _form(self) -> OptionForm:
        return self.query_one(OptionForm)

    @property
    def _verdict(self) -> Verdict:
        return self.query_one(Verdict)

    def resting(self) -> str:
        """The button, so that Enter starts."""
        return "#start"

    async def fill(self, values: Mapping[str, Any]) -> None:
        """Put other settings in; everything not named goes back to its default."""
        texts = {name: form.to_text(value) for name, value in values.items()}
        self._former = self._form.texts
        await self._form.fill(_here(texts))
        self._check()
        self.query_one("#start", Button).focus()

    def on_option_row_changed(self) -> None:
        """Check again, once for all the changes of a moment."""
        if not self._due:
            self._due = True
            self.call_later(self._check)

    def _check(self) -> None:
        self._due = False
        texts = self._form.texts
        self._config, problems = form.filled_in(TrainConfig, texts)
        if self._config is not None and (problems := self._refused(self._config)):
            self._config = None
        self._form.complain(problems)
        self._problems = problems
        self.query_one(PresetRow).show(texts)
        self._explain()
        if self._config is not None:
            self._verdict.consider(self._config, self.ui.state.runs)
        else:  # those whose fields are not shown come first
            order = sorted(problems, key=lambda name: name in form.SIMPLE[TrainConfig])
            self._verdict.complain({name: problems[name] for name in order})
        kept = {n: absolute(t) if n in PATHS and t not in WORDS else t for n, t in texts.items()}
        self.ui.remember(form={name: text for name, text in kept.items() if text})

    def _refused(self, config: TrainConfig) -> dict[str, str]:
        """What training would refuse at once, by the field."""
        folder = config.adapter_path
        begun = f"{folder}: a run is starting here" if self.ui.starting(Path(folder)) else ""
        found = {
            "adapter_path": check_target(Path(folder)) or begun,
            "data": refusal_of(config.data or "") or "",
        }
        return {name: text for name, text in found.items() if text}

    def on_verdict_said(self, message: Verdict.Said) -> None:
        """Whether anything speaks against the start, beside its button."""
        self.query_one("#ready", Static).update(message.state)

    def _explain(self) -> None:
        text = "Enter starts the run · Tab goes to the fields · Ctrl+A shows every option"
        self.query_one("#help", Static).update(self._form.explained() or text)

    async def action_everything(self) -> None:
        """All options, or the simple ones."""
        await self._form.make_all()
        self._form.toggle_class("-everything")

    async def action_defaults(self) -> None:
        """Everything as declared, but keep model and data."""
        texts = self._form.texts
        await self.fill({"model": texts["model"], "data": texts["data"]})
        self.ui.tell("These are the defaults; ctrl+z brings back what stood here.")

    async def action_undo(self) -> None:
        """What stood in the fields before they were filled anew."""
        if self._former:
            await self.fill(self._former)

    async def action_preset(self) -> None:
        """The next preset."""
        self._take_preset(self.query_one(PresetRow).following)

    def on_preset_row_chosen(self, message: PresetRow.Chosen) -> None:
        """The one that was asked for."""
        self._take_preset(message.name)

    def _take_preset(self, name: str) -> None:
        """Fill in what a preset sets, and say what it leaves."""
        texts = self._form.texts
        found = presets.applied(TrainConfig, name, texts)
        if found.texts != texts:
            self._former = texts
            self._form.put(found.texts)
            self._check()
        said = f"{name}: {presets.meaning(TrainConfig, name)}"
        stays = "; ".join(
            f"{key.replace('_', ' ')} stays ({why})" for key, why in found.kept.items()
        )
        self.ui.tell(f"{said}. {stays or 'ctrl+z brings back what stood here'}.")

    def action_copy(self) -> None:
        """The run as a command line."""
        if self._config is None:
            self.ui.tell("There is no command yet: the form says what is missing.", "warning")
        else:
            self.copy(command_line("train", self._config), "The command")

    async def on_input_submitted(self) -> None:
        """Enter in any field, as in every form."""
        await self.action_start()

    def on_button_pressed(self) -> None:
        """Start."""
        self.call_later(self.action_start)

    async def action_start(self) -> None:
        """Start the run, or go to what is wrong."""
        self._check()
        if self._config is not None:
            self._start(self._config)
            return
        if names := [name for name in self._problems if name]:
            await self._form.go_to(names[0])
        self.app.bell()

    @work(group="start")
    async def _start(self, config: TrainConfig) -> None:
        """Start, after a question where something speaks against it."""
        if self._starting:
            return
        self._starting = True
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(JUDGED_SECONDS):
                    await self._verdict.complete.wait()
            if config == self._config and await self._agreed():
                await self._launch(config)
        finally:
            self._starting = False

    async def _agreed(self) -> bool:
        """Whether nothing speaks against the start, or the person wants it nevertheless."""
        trouble = self._verdict.judgement.trouble
        if not trouble:
            return True
        question = "\n".join([*trouble, "Start the run nevertheless?"])
        dialog = Choice(question, [("start", "y", "Start it")])
        choice = await self.app.push_screen_wait(dialog, mode=self.NAME)
        return choice is not None

    async def _launch(self, config: TrainConfig) -> None:
        if config.data:
            self.ui.remember_first("recent_data", absolute(config.data))
        self._started = config.adapter_path
        await self.ui.launch(config)

    def _free(self, folder: str) -> str:
        """A folder for another run than the one that was started in this one."""
        name = free_folder(folder)
        return folder if name == folder and not self.ui.starting(Path(folder)) else name


def _here(texts: Mapping[str, str]) -> dict[str, str]:
    """The fields with their paths as one would type them in this folder."""
    return {name: from_here(text) if name in PATHS else text for name, text in texts.items()}


PAGE = TrainScreen
