"""Chat with a model in any of its modes, and always see which one answers."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from shadow_mlx.config import MODES, AnswerConfig, ChatConfig
from shadow_mlx.config.paths import from_here
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.generation.branches import Branches
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.runs.listing import adapters_of_runs
from shadow_mlx.worker import messages as m
from tui import editor
from tui.child import ChildError
from tui.screens.dialogs import Ask
from tui.screens.settings import FormDialog
from tui.screens.talking import TalkingPage
from tui.screens.weights import WeightsDialog, known_weights
from tui.views import finder, form
from tui.views.chat_view import Weights, adapter_name, invitation, loading_line, weights_line
from tui.widgets.composer import Composer
from tui.widgets.transcript import Transcript
from tui.widgets.waiting import Waiting

OF_WEIGHTS = ("model", "trust_remote_code", "adapter_path", "mode")
"""Options that say which weights answer: they are the page's, and are not kept for the next one."""

SUGGESTED = 3
"""Questions that are suggested."""


class ChatScreen(TalkingPage):
    """One conversation with one loaded model."""

    NAME = "chat"
    HELP = """\
# Chat

The line on top says at every moment **which weights answer**. `Ctrl+T` lets the next ones answer:
attached, detached, base. The conversation stays.

- `Enter` sends, `Ctrl+J` begins a new line, `Escape` stops an answer and keeps what there is
- While nothing is said, `1`, `2` and `3` in the empty field send questions of the run's own
  validation examples; a message that begins with such a digit begins with a space, which is not
  sent
- What is sent meanwhile waits for its turn; `Escape` takes it back into the field
- `Ctrl+R` answers again · `Ctrl+E` edits your last message, once more the one before; both make a
  **version** beside the former one
- Alt with left and right, or `[` and `]` outside of the field, go through the versions (`2/3`); Alt
  with up and down, or `<` and `>`, lead to another message that has some
- `Ctrl+Z` undoes the last step
- `Ctrl+N` begins another conversation, `Ctrl+L` lists them: each is kept by itself
- `Ctrl+B` opens the message in your editor (`$VISUAL` or `$EDITOR`), for a long one
- `Ctrl+K` opens what a model thought before its answers, or folds it away
- `Ctrl+S` saves one as a line of chat data · `Ctrl+Y` copies the answer · `Ctrl+F` searches
- `Ctrl+G` every option of `shadow-mlx chat`: system message, sampling, reasoning …
- `F6` goes on with the next of the recent adapters · `Ctrl+O` lists adapters and models
"""
    DEFAULT_CSS = """
    ChatScreen #status { height: 1; padding: 0 1; background: $panel; }
    ChatScreen #writing { height: auto; align-horizontal: center; }
    ChatScreen #composer { max-width: 90; border: none; background: $panel; }
    ChatScreen Waiting { max-width: 90; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "mode", "Mode", id="chat-mode", priority=True),
        Binding("f6", "next_adapter", "Adapter", id="chat-adapter", priority=True),
        Binding("ctrl+y", "copy", "Copy", id="chat-copy", priority=True),
        Binding("ctrl+g", "settings", "Settings", id="chat-settings", priority=True),
        Binding("ctrl+o", "open", "Model", id="chat-open", priority=True),
        Binding("ctrl+k", "thoughts", "Thoughts", show=False, id="chat-thoughts", priority=True),
        Binding("ctrl+b", "editor", "Editor", show=False, id="chat-editor", priority=True),
        Binding("ctrl+f", "search", "Search", show=False, id="chat-search", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._loaded: m.Loaded | None = None
        self._loading: Weights | None = None
        self._problem = ""
        self._wanted = ""  # what was searched last
        self._suggested: list[tuple[str, str]] = []  # questions, each with its system message

    def body(self) -> ComposeResult:
        """Which weights, the conversation, the field."""
        yield Static(id="status", markup=False)
        yield Transcript()
        with Vertical(id="writing"):  # below the messages, which stand in the middle too
            yield Waiting()
            yield Composer(compact=True, placeholder="Message (Enter sends)", id="composer")

    def on_mount(self) -> None:
        """Load the newest adapter, or the bundled model."""
        self.branches = Branches(system=self.ui.state.system_prompt)
        self.draw()
        self.call_after_refresh(self.show_cut)
        if self._loading is None and self._loaded is None:
            self._load_newest()

    @property
    def ready(self) -> bool:
        """Whether weights are loaded, and no others on their way."""
        return self._loaded is not None and self._loading is None

    @property
    def answered_by(self) -> str:
        """The adapter, or the model alone."""
        adapter = self._weights.adapter
        if adapter is not None and self.mode != "base":
            return adapter_name(adapter)
        return Path(self._loaded.backbone).name if self._loaded else ""

    @work(exclusive=True, group="load")
    async def _load_newest(self) -> None:
        adapters = await self._run_adapters()
        if self._loading is None:
            if adapters:
                self.load(None, adapters[0])
            else:
                self.load("sprout", None)

    async def _run_adapters(self) -> list[str]:
        """The adapters of the runs that are known here, newest first."""
        return await asyncio.to_thread(adapters_of_runs, self.ui.state.runs, Path.cwd())

    def load(self, model: str | None, adapter: str | None) -> None:
        """Load other weights; the conversation stays."""
        self._begin(Weights(model, adapter))

    def _begin(self, weights: Weights, mode: str = "") -> None:
        self._loading, self._problem = weights, ""
        self.draw()
        self._load(weights, mode)

    @work(exclusive=True, group="loading")
    async def _load(self, weights: Weights, mode: str) -> None:
        model, adapter, _ = weights
        try:
            loaded = await self.ui.processes.loaded(weights)
        except ChildError as error:
            self._loading, self._loaded, self._problem = None, None, str(error)
            self.draw()
            return
        first_adapter = bool(adapter) and not self._weights.adapter  # it is opened to be used
        self._loading, self._loaded, self._weights = None, loaded, weights
        if mode in loaded.modes:
            self.mode = mode
        elif self.mode not in loaded.modes or first_adapter:
            self.mode = loaded.modes[0]
        if adapter:
            self.ui.remember_first("recent_adapters", str(Path(adapter).resolve()))
        elif model:
            self.ui.remember_first("recent_models", model)
        self.draw()
        self.go_on()
        self._suggest(adapter)

    @work(exclusive=True, group="suggest")
    async def _suggest(self, adapter: str | None) -> None:
        """Look for something to ask, beside all else."""
        self._suggested = []
        if adapter:
            child = self.ui.processes["data"]
            try:
                request = m.Suggest(child.number(), str(Path(adapter).resolve()), SUGGESTED)
                found = (await child.result(request, m.Suggested)).questions
            except ChildError:  # nobody asked for it: the chat goes on without
                found = []
            self._suggested = [(asked, system) for asked, system in found]
        self.draw()

    def on_composer_shortcut(self, message: Composer.Shortcut) -> None:
        """Ask one of the suggested questions, as its example asks it."""
        asked, system = self._suggested[int(message.key) - 1]
        if system and not self.branches.system:
            self.branches = dataclasses.replace(self.branches, system=system)
            self.ui.tell("The example's system message is used, too (ctrl+g shows it).")
        self.query_one(Waiting).add(asked)
        self.go_on()

    def on_resize(self) -> None:
        """The line on top fits the width."""
        self.draw()

    def resting(self) -> str:
        """The conversation."""
        return "Transcript"

    def field(self) -> str:
        """Where messages are written."""
        return "#composer"

    def draw(self) -> None:
        """The line on top, and a word where nothing is said yet."""
        self.query_one("#status", Static).update(self._status())
        talking = bool(self.conversation.turns)
        suggested = [] if talking or not self.ready else [asked for asked, _ in self._suggested]
        self.composer.shortcuts = tuple(str(i) for i in range(1, len(suggested) + 1))
        said = invitation(self._loaded, self._problem, suggested)
        self.transcript.invite("" if talking else said)

    def _status(self) -> Text:
        if self._loading is not None:
            return loading_line(self._loading)
        if self._loaded is None:
            return Text("✘ nothing is loaded (ctrl+o)", "bold")
        return weights_line(
            self._loaded,
            self.mode,
            self._last,
            answering=self.answering,
            width=self.app.size.width,
        )

    def action_mode(self) -> None:
        """The next weights answer."""
        modes: list[str] = [mode for mode in MODES if self._loaded and mode in self._loaded.modes]
        if len(modes) < 2:
            self.ui.tell("Only one mode is loaded; ctrl+o opens an adapter.")
            return
        self.mode = modes[(modes.index(self.mode) + 1) % len(modes)]
        self._last = None
        self.draw()

    def action_copy(self) -> None:
        """Copy the newest answer."""
        if answer := self.conversation.last_answer():
            self.copy(answer, "The answer")
        else:
            self.ui.tell("Nothing is answered yet.")

    def action_settings(self) -> None:
        """Every option of a chat."""
        weights = self._loading or self._weights
        shown = {
            **self.ui.state.answers,
            "system_prompt": self.conversation.system,
            "model": weights.model,
            "trust_remote_code": weights.trust_remote_code,
            "adapter_path": from_here(weights.adapter or ""),
            "mode": self.mode,
        }
        dialog = FormDialog(ChatConfig, shown, title="Settings of the chat", button="Use these")

        def keep(options: ChatConfig | None) -> None:
            if options is not None:
                self._use(options, shown)

        self.app.push_screen(dialog, keep)

    def _use(self, options: ChatConfig, shown: Mapping[str, Any]) -> None:
        """Ask by these options from now on; load what they name, if that is something else."""
        system = options.system_prompt or ""
        self.branches = dataclasses.replace(self.branches, system=system)
        self.keep()
        answers = form.chosen(options.part(AnswerConfig))
        self.ui.remember(answers=answers, system_prompt=system)
        if all(getattr(options, n) == (shown[n] or getattr(ChatConfig, n)) for n in OF_WEIGHTS):
            return
        if not self.busy():
            adapter = options.adapter_path
            beside = options.model is None and holds_adapter(
                adapter
            )  # base, as on the command line
            used = adapter if beside or options.mode != "base" else None
            self._begin(Weights(options.model, used, options.trust_remote_code), options.mode)

    async def action_next_adapter(self) -> None:
        """The next of the recent adapters answers from now on; the conversation stays."""
        if self.busy() or self._loading is not None:
            return
        recent = [one for one in self.ui.state.recent_adapters if holds_adapter(one)]
        ring = sorted(finder.unique(recent, await self._run_adapters()))
        if len(ring) < 2:
            self.ui.tell("No other adapter is known; ctrl+o opens one by its folder.")
            return
        now = str(Path(self._weights.adapter).resolve()) if self._weights.adapter else ""
        at = ring.index(now) if now in ring else -1  # it may have been removed meanwhile
        self.load(None, ring[(at + 1) % len(ring)])

    @work(exclusive=True, group="open")
    async def action_open(self) -> None:
        """Choose among the known adapters and models; the conversation stays."""
        if self.busy():
            return
        state = self.ui.state
        known = known_weights(
            state.recent_adapters, await self._run_adapters(), state.recent_models
        )

        def decide(weights: Weights | None) -> None:
            if weights is not None:
                self._begin(weights)

        self.app.push_screen(WeightsDialog(known), decide)

    def action_editor(self) -> None:
        """Write the message in the person's own editor."""
        try:
            command = editor.editor()
            with self.app.suspend():
                text = editor.edited(self.composer.text, command)
        except (ShadowMLXError, SuspendNotSupported) as error:
            self.ui.tell(str(error), "warning")
            return
        self.composer.write(text)

    def action_thoughts(self) -> None:
        """Open what was thought before the answers, or fold it away."""
        if not self.transcript.fold():
            self.ui.tell("No answer here tells what was thought before it.")

    def action_search(self) -> None:
        """Find a message by what it says; the same words again find the next one."""
        self.app.push_screen(
            Ask("Search the conversation for:", self._wanted, search=True), self._find
        )

    def _find(self, wanted: str | None) -> None:
        if not wanted:
            return
        self._wanted = wanted
        if not self.transcript.find(wanted):
            self.ui.tell(f"Nothing says {wanted!r}.")


PAGE: Any = ChatScreen
