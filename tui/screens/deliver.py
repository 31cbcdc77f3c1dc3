"""What comes after training: the model as a folder, adapters of others, the hub, a server."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Button, ContentSwitcher, Static

from shadow_mlx.config import ExportConfig, PushConfig, ServeConfig
from shadow_mlx.config.option import Options
from shadow_mlx.config.paths import from_here, local
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.runs.listing import adapters_of_runs
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.screens.delivering import DeliveringPage
from tui.screens.dialogs import Choice
from tui.screens.serving import ServingPage, no_adapter, problems_of
from tui.screens.uploading import UploadDialog
from tui.screens.weights import WeightsDialog, known_weights
from tui.views import delivery, form, serving
from tui.views.command import command_line
from tui.views.delivery import WAYS, Outcome, Way
from tui.views.serving import ServerView
from tui.widgets.command_row import CommandRow
from tui.widgets.option_form import OptionForm
from tui.widgets.press_button import PressButton
from tui.widgets.server_pane import ServerPane
from tui.widgets.way_tabs import WayTabs

SHOWN = 2
"""Problems that are told at once."""


class DeliverScreen(DeliveringPage, ServingPage):
    """Fill in, see the command that does the same, start, see what came of it."""

    NAME = "deliver"
    HELP = """\
# Deliver

What comes after training. The detached model is a model of its own: it can leave.

- `e` **export** writes it as a folder that mlx-lm opens (or the adapter, as PEFT opens it)
- `i` **import** reads an adapter of PEFT or shadow-peft
- `p` **push** uploads either to the Hugging Face hub; you see the files and the model card first
- `s` **serve** answers over HTTP as OpenAI's API does; it goes on while you look at other pages,
  and `x` stops it
- in a field, `Ctrl+T` goes on to the next of them
- `Ctrl+R` starts · `Escape` stops · `Ctrl+O` chooses the adapter · `Ctrl+A` shows every option
- `Ctrl+Y` copies the command that does the same; Enter on any other command copies that one
"""
    DEFAULT_CSS = """
    DeliverScreen #meaning { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; }
    DeliverScreen #meaning { text-overflow: ellipsis; }
    DeliverScreen ContentSwitcher { height: auto; max-height: 50%; margin-top: 1; }
    DeliverScreen OptionForm { height: auto; max-height: 100%; }
    DeliverScreen #help { height: 2; padding: 0 1; background: $panel; margin-top: 1; }
    DeliverScreen.-low ContentSwitcher, DeliverScreen.-low #help { margin-top: 0; }
    DeliverScreen #wrong { display: none; }
    DeliverScreen #start { min-width: 20; height: 1; border: none; margin: 0 1; }
    DeliverScreen #done { height: 1fr; margin-top: 1; }
    DeliverScreen.-low #done { margin-top: 0; }
    DeliverScreen #outcome { height: auto; padding: 0 1; }
    DeliverScreen #outcome.-good { color: $text-success; }
    DeliverScreen #outcome.-bad { color: $text-error; }
    DeliverScreen #facts { height: auto; padding: 0 3; }
    DeliverScreen.-low ServerPane { margin-top: 0; }
    DeliverScreen.-serving .still { display: none; }
    DeliverScreen.-serving ServerPane { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", id="deliver-start", priority=True),
        *(Binding(n[0], f"way('{n}')", n.title(), id=f"deliver-{n}") for n in WAYS),
        Binding("ctrl+o", "open", "Adapter", id="deliver-open", priority=True),
        Binding("ctrl+y", "copy", "Command", id="deliver-copy", priority=True),
        Binding("c", "chat", "Chat", id="deliver-chat"),
        Binding("ctrl+a", "everything", "All options", show=False, priority=True),
        Binding("ctrl+t", "next", "Next way", show=False, id="deliver-next", priority=True),
        Binding("escape", "stop_or_leave", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._way = WAYS["export"]
        self._forms = {n: OptionForm(way.group, {}, id=f"form-{n}") for n, way in WAYS.items()}
        self._outcomes: dict[str, Outcome] = {}
        self._folder = ""  # of an adapter that was asked for before the fields were there

    def body(self) -> ComposeResult:
        """The ways; the fields of one; what they mean; the button; what came of it."""
        yield WayTabs(tuple(WAYS), self._way.name)
        yield Static(id="meaning", markup=False)
        with ContentSwitcher(initial=f"form-{self._way.name}", classes="still"):
            yield from self._forms.values()
        yield Static(id="help", markup=False, classes="still")
        yield CommandRow(id="command")
        yield ServerPane(id="server")
        yield Static(id="wrong", markup=False, classes="problem")
        yield PressButton("", id="start", variant="primary", classes="still")
        with VerticalScroll(id="done", can_focus=False, classes="still"):
            yield Static(id="outcome", markup=False)
            yield Static(id="facts", markup=False)
            yield CommandRow(id="use")

    def on_mount(self) -> None:
        """Begin with the newest adapter."""
        self.watch(self, "focused", self._explain)
        self._turn(self._way)
        if self._folder:
            self._take(self._folder)
        else:
            self._take_newest()

    def on_screen_resume(self) -> None:
        """Folders may have come and gone."""
        self._check()

    @work(exclusive=True, group="newest")
    async def _take_newest(self) -> None:
        known = await asyncio.to_thread(adapters_of_runs, self.ui.state.runs, Path.cwd())
        if known and not self._folder:
            self._take(known[0])

    def load(self, folder: str) -> None:
        """Have this adapter exported, or pushed."""
        self._folder = folder
        if self.is_mounted:
            self._turn(WAYS["export"])
            self._take(folder)
            self.query_one("#start").focus()

    def _take(self, folder: str) -> None:
        """Put an adapter into the fields that name one, and a folder where nothing is yet."""
        self._folder = folder
        self._put("export", "adapter_path", from_here(folder))
        self._put("export", "output", _free(str(ExportConfig.output)))
        self._put("push", "folder", from_here(folder))
        self._put("serve", "adapter_path", shlex.quote(from_here(folder)))
        self._outcomes.clear()
        self.draw_outcome()

    def _put(self, way: str, name: str, text: str) -> None:
        row = self._forms[way].rows[name]
        row.value = "" if text == row.field.default else text

    def resting(self) -> str:
        """The button, so that Enter starts; or what one wants of a server that runs."""
        return ServingPage.resting(self) or "#start"

    @property
    def _form(self) -> OptionForm:
        return self._forms[self._way.name]

    def action_way(self, name: str) -> None:
        """Another way."""
        self._turn(WAYS[name])
        self.action_leave_field()

    def action_next(self) -> None:
        """The next of the ways, also from a field."""
        names = list(WAYS)
        self.action_way(names[(names.index(self._way.name) + 1) % len(names)])

    def on_way_tabs_chosen(self, message: WayTabs.Chosen) -> None:
        """A click on a tab."""
        self.action_way(message.name)

    def _turn(self, way: Way) -> None:
        self._way = way
        self.query_one(WayTabs).show(way.name)
        self.query_one(ContentSwitcher).current = f"form-{way.name}"
        self.query_one("#meaning", Static).update(way.meaning)
        self.query_one("#start", Button).label = f"{way.name.title()} (ctrl+r)"
        self._check()
        self.draw_outcome()
        self._explain()
        self.draw_server()
        self.refresh_bindings()

    def _explain(self) -> None:
        what = "server" if self._way.request is None else self._way.name
        text = f"Enter starts the {what} · Tab goes to the fields · ctrl+a every option"
        self.query_one("#help", Static).update(self._form.explained() or text)

    def on_option_row_changed(self) -> None:
        """Say at once what is wrong, and which command does the same."""
        self._check()

    def _check(self) -> tuple[Options | None, dict[str, str]]:
        """The options, or what is wrong with them by field."""
        options, problems = form.filled_in(self._way.group, self._form.texts)
        if isinstance(options, ExportConfig) and not holds_adapter(options.adapter_path):
            problems["adapter_path"] = no_adapter(options.adapter_path)
        if isinstance(options, ServeConfig):
            problems |= problems_of(options)
        self._form.complain(problems)
        told = form.told(problems, SHOWN)
        wrong = self.query_one("#wrong", Static)
        wrong.update(visible(told))
        wrong.display = bool(told) and not self.serves
        sound = None if problems else options
        does = self.ui.server.view.options if self.serves else sound
        command = command_line(self._way.name, does) if does else ""
        self.query_one("#command", CommandRow).show(command)
        return sound, problems

    def draw_outcome(self) -> None:
        """What is at work, or what came of the way that is shown."""
        head, facts = self.query_one("#outcome", Static), self.query_one("#facts", Static)
        found = self._outcomes.get(self._way.name)
        lines = self.doing or (found.lines if found is not None else ())
        head.set_class(self.busy is None and found is not None and found.good, "-good")
        head.set_class(self.busy is None and found is not None and not found.good, "-bad")
        head.update(Text(visible(lines[0] if lines else "")))
        facts.update(visible("\n".join(lines[1:])))
        command = found.command if found is not None and self.busy is None else ""
        self.query_one("#use", CommandRow).show(command)
        self.refresh_bindings()

    async def action_everything(self) -> None:
        """All options, or the simple ones."""
        await self._form.make_all()
        self._form.toggle_class("-everything")

    def action_copy(self) -> None:
        """The command that does the same as the form."""
        if command := self.query_one("#command", CommandRow).command:
            self.copy(command, "The command")
        else:
            self.ui.tell("There is no command yet: the form says what is missing.", "warning")

    def on_command_row_copied(self, message: CommandRow.Copied) -> None:
        """Any of the commands, or the address."""
        self.copy(message.command, message.what)

    @work(exclusive=True, group="dialog")
    async def action_open(self) -> None:
        """Choose the adapter."""
        state = self.ui.state
        runs = await asyncio.to_thread(adapters_of_runs, state.runs, Path.cwd())
        known = [k for k in known_weights(state.recent_adapters, runs, ()) if k.weights.adapter]
        dialog = WeightsDialog(known, "Which adapter? Type to find, or its folder's path.")
        chosen = await self.app.push_screen_wait(dialog)
        if chosen is not None and chosen.adapter is None:
            self.ui.tell(f"{chosen.model}: no adapter here", "error")
        elif chosen is not None and self._way.name == "serve":
            self._serve_too(from_here(str(chosen.adapter)))
        elif chosen is not None:
            self._take(str(chosen.adapter))

    def _serve_too(self, folder: str) -> None:
        """A server takes one adapter beside the others."""
        row = self._forms["serve"].rows["adapter_path"]
        if folder not in form.several(row.value):
            row.value = f"{row.value} {shlex.quote(folder)}".strip()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Chat is for what was imported; where one is, no key leads; a server has its options."""
        if action == "way":
            return parameters != (self._way.name,)
        if action in ("start", "open", "everything") and self.serves:
            return False
        if action == "end_server":
            return self.serves
        return action != "chat" or bool(self._imported())

    def _imported(self) -> str:
        found = self._outcomes.get("import")
        return found.folder if found is not None and self._way.name == "import" else ""

    async def action_chat(self) -> None:
        """Chat with the adapter that was imported."""
        if folder := self._imported():
            await self.ui.chat_with(Path(folder))

    def action_stop_or_leave(self) -> None:
        """Stop what is at work; else leave the field."""
        if self.busy is not None and not self.serves:
            self.stop_work()
        else:
            self.action_leave_field()

    def on_button_pressed(self) -> None:
        """Start."""
        self.call_later(self.action_start)

    async def on_input_submitted(self) -> None:
        """Enter in any field."""
        await self.action_start()

    async def action_start(self) -> None:
        """Start, or go to what is wrong."""
        if self.busy is not None and self._way.request is not None:
            self.ui.tell("Still at work; Escape stops it.", "warning")
            return
        options, problems = self._check()
        if options is not None:
            self.action_leave_field()  # from here on letters are keys
            if isinstance(options, ServeConfig):
                self._outcomes.pop("serve", None)
                self.ui.server.start(options)
            else:
                self._work(self._way, options)
            return
        if names := [name for name in problems if name]:
            await self._form.go_to(names[0])
        self.app.bell()

    @work(exclusive=True, group="deliver")
    async def _work(self, way: Way, options: Options) -> None:
        """Ask first where something would be replaced or published."""
        if isinstance(options, ExportConfig) and not await self._may_replace(options.output):
            return
        if isinstance(options, PushConfig):
            found = await self.ask(way, {**options.to_mapping(), "dry_run": True})
            if not isinstance(found, m.Published):
                return
            dialog = UploadDialog(found, options)
            if await self.app.push_screen_wait(dialog, mode=self.NAME) is None:
                self.tell_outcome(way, delivery.published(found))
                return
        reply = await self.ask(way, options.to_mapping())
        if reply is not None and (outcome := delivery.outcome(reply)) is not None:
            self.tell_outcome(way, outcome)

    async def _may_replace(self, output: str) -> bool:
        place = local(output)
        if place is None or not place.is_dir() or not any(place.iterdir()):
            return True
        question = f"{output} is there already: an earlier export is replaced, all else is kept."
        dialog = Choice(question, [("yes", "y", "Replace it")])
        return await self.app.push_screen_wait(dialog, mode=self.NAME) is not None

    def shows_server(self) -> bool:
        """Where its form is, too."""
        return self._way.name == "serve"

    def server_turned(self) -> None:
        """Its form makes place for it, or comes back."""
        self._check()

    def server_ended(self, view: ServerView) -> None:
        """How, in the place of what it showed."""
        self.tell_outcome(WAYS["serve"], Outcome(serving.ended(view), good=view.phase == "off"))

    def tell_outcome(self, way: Way, outcome: Outcome) -> None:
        """Keep and show what came of it; elsewhere it is told in the corner."""
        self._outcomes[way.name] = outcome
        if outcome.folder and way.name == "export":
            self._put("push", "folder", outcome.folder)
        if outcome.folder and way.name == "import":
            self.ui.remember_first("recent_adapters", str(Path(outcome.folder).absolute()))
        self.draw_outcome()
        self._check()
        if not self.is_current:
            self.ui.tell(outcome.lines[0], "information" if outcome.good else "error")


def _free(name: str) -> str:
    """``name``, or with ``-2``, ``-3`` …: the first that is no folder yet."""
    number, free = 1, name
    while local(free) is not None:
        number += 1
        free = f"{name}-{number}"
    return free


PAGE = DeliverScreen
