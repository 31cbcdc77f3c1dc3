"""Chat with a model in any of its modes, and always see which one answers."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from shadow_mlx.config import MODES
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui import bridge, finder
from tui.chat_view import Weights, cost, invitation, loading_line, weights_line
from tui.child import ChildError
from tui.conversation import Conversation, Turn
from tui.screens.conversation_files import ConversationPage
from tui.screens.dialogs import Ask
from tui.screens.settings import ChatSettings, SettingsDialog
from tui.screens.weights import WeightsDialog, known_weights
from tui.widgets.composer import Composer
from tui.widgets.transcript import Transcript


class ChatScreen(ConversationPage):
    """One conversation with one loaded model."""

    NAME = "chat"
    HELP = """\
# Chat

The line on top says at every moment **which weights answer**. `Ctrl+T` lets the next ones answer:
attached, detached, base. The conversation stays.

- `Enter` sends, `Ctrl+J` begins a new line, `Escape` stops an answer and keeps what there is
- `Ctrl+R` answers again · `Ctrl+E` edits your last message and sends it anew
- `Ctrl+Y` copies the answer · `Ctrl+F` searches · `Ctrl+N` begins anew
- `Ctrl+S` saves, `Ctrl+L` loads a conversation · `Ctrl+G` system message and sampling
- `F6` goes on with the next of the recent adapters · `Ctrl+O` lists adapters and models
"""
    DEFAULT_CSS = """
    ChatScreen #status { height: 1; padding: 0 1; background: $primary; color: $text; }
    ChatScreen #composer { margin: 0 1; border: none; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "mode", "Mode", id="chat-mode", priority=True),
        Binding("f6", "next_adapter", "Adapter", id="chat-adapter", priority=True),
        Binding("ctrl+r", "again", "Again", id="chat-again", priority=True),
        Binding("ctrl+e", "edit", "Edit", id="chat-edit", priority=True),
        Binding("ctrl+y", "copy", "Copy", id="chat-copy", priority=True),
        Binding("ctrl+g", "settings", "Settings", id="chat-settings", priority=True),
        Binding("ctrl+o", "open", "Model", id="chat-open", priority=True),
        Binding("ctrl+f", "search", "Search", show=False, id="chat-search", priority=True),
        Binding("escape", "stop_or_leave", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.mode: str = "attached"
        self._loaded: m.Loaded | None = None
        self._loading: Weights | None = None
        self._weights: Weights = (None, None)
        self._asked: int | None = None  # the request that is being answered
        self._last: m.Answered | None = None
        self._problem = ""
        self._wanted = ""  # what was searched last

    def body(self) -> ComposeResult:
        """Which weights, the conversation, the field."""
        yield Static(id="status", markup=False)
        yield Transcript()
        yield Composer(compact=True, placeholder="Message (Enter sends)", id="composer")

    def on_mount(self) -> None:
        """Load the newest adapter, or the bundled model."""
        self.conversation = Conversation(system=self.ui.state.system_prompt)
        self.query_one(Composer).focus()
        self._draw()
        if self._loading is None and self._loaded is None:
            self._load_newest()

    @property
    def answering(self) -> bool:
        """Whether an answer is on its way."""
        return self._asked is not None

    @property
    def transcript(self) -> Transcript:
        """The conversation on the screen."""
        return self.query_one(Transcript)

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
        runs = await asyncio.to_thread(bridge.find_runs, self.ui.state.runs, Path.cwd())
        return [str(run) for run in runs if bridge.has_adapter(run)]

    def load(self, model: str | None, adapter: str | None) -> None:
        """Load other weights; the conversation stays."""
        self._loading, self._problem = (model, adapter), ""
        self._draw()
        self._load(model, adapter)

    @work(exclusive=True, group="loading")
    async def _load(self, model: str | None, adapter: str | None) -> None:
        try:
            loaded = await self.ui.loaded(model, adapter)
        except ChildError as error:
            self._loading, self._loaded, self._problem = None, None, str(error)
            self._draw()
            return
        first_adapter = bool(adapter) and not self._weights[1]  # it is opened to be used
        self._loading, self._loaded, self._weights = None, loaded, (model, adapter)
        if self.mode not in loaded.modes or first_adapter:
            self.mode = loaded.modes[0]
        if adapter:
            self.ui.remember_first("recent_adapters", str(Path(adapter).resolve()))
        elif model:
            self.ui.remember_first("recent_models", model)
        self._draw()

    def on_resize(self) -> None:
        """The line on top fits the width."""
        self._draw()

    def _draw(self) -> None:
        self.query_one("#status", Static).update(self._status())
        talking = bool(self.conversation.turns)
        self.transcript.invite("" if talking else invitation(self._loaded, self._problem))

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

    async def on_composer_sent(self, message: Composer.Sent) -> None:
        """Ask."""
        if self._busy():
            return
        if self._loaded is None or self._loading is not None:
            self.ui.tell("Nothing is loaded yet.", "warning")
            return
        self.query_one(Composer).text = ""
        await self._say(Turn("user", message.text))
        self._answer()

    def _busy(self) -> bool:
        """Whether an answer is on its way; then a word about it is said."""
        if self.answering:
            self.ui.tell("An answer is on its way; Escape stops it.", "warning")
        return self.answering

    async def _say(self, turn: Turn) -> None:
        self.conversation = self.conversation.said(turn)
        self.mark_unsaved()
        await self.transcript.say(turn)
        self._draw()

    @work(exclusive=True, group="answer")
    async def _answer(self) -> None:
        """Stream an answer to the conversation as it stands."""
        child, mode = self.ui.child("models"), self.mode
        number = child.number()
        self._asked = number
        request = m.Ask(number, mode, self.conversation.messages(), self.ui.state.sampling)
        bubble = await self.transcript.say(Turn("assistant", "", mode))
        stream = bubble.stream()
        self._draw()
        pieces: list[str] = []
        turn: Turn | None = None
        try:
            await self.ui.loaded(*self._weights)  # another page may have loaded something else
            async for reply in child.ask(request):
                if isinstance(reply, m.Piece):
                    pieces.append(reply.text)
                    await stream.write(visible(reply.text))
                elif isinstance(reply, m.Answered):
                    self._last = reply
                    turn = Turn("assistant", reply.text, mode, cost(reply))
        except ChildError as error:
            self.ui.tell(str(error), "error")
        finally:
            await stream.stop()
            self._asked = None
        if turn is None and pieces:
            turn = Turn("assistant", "".join(pieces), mode, "stopped")
        if turn is None:
            await bubble.remove()
        else:
            self.conversation = self.conversation.said(turn)
            bubble.finish(turn)
            self.mark_unsaved()
        self._draw()

    async def show_conversation(self, conversation: Conversation) -> None:
        """Go on with another conversation."""
        self.conversation, self._last = conversation, None
        await self.transcript.show(conversation.turns)
        self.mark_unsaved()
        self._draw()

    def action_mode(self) -> None:
        """The next weights answer."""
        modes: list[str] = [mode for mode in MODES if self._loaded and mode in self._loaded.modes]
        if len(modes) < 2:
            self.ui.tell("Only one mode is loaded; ctrl+o opens an adapter.")
            return
        self.mode = modes[(modes.index(self.mode) + 1) % len(modes)]
        self._last = None
        self._draw()

    def action_stop_or_leave(self) -> None:
        """Stop the answer; else leave the field."""
        if self._asked is not None:
            self.ui.child("models").stop(self._asked)
        else:
            self.set_focus(None)

    async def action_again(self) -> None:
        """Answer the last message again."""
        if self._asked is not None or self._loaded is None:
            return
        conversation, question = self.conversation.before_last_question()
        if question:
            await self.show_conversation(conversation.said(Turn("user", question)))
            self._answer()

    async def action_edit(self) -> None:
        """Take the last message back into the field."""
        if self._asked is not None:
            return
        conversation, question = self.conversation.before_last_question()
        if question:
            await self.show_conversation(conversation)
            composer = self.query_one(Composer)
            composer.text = question
            composer.move_cursor(composer.document.end)
            composer.focus()

    @work(group="copy")
    async def action_copy(self) -> None:
        """Copy the newest answer, through the terminal and the system."""
        answer = self.conversation.last_answer()
        if not answer:
            return
        self.app.copy_to_clipboard(visible(answer))
        how = await bridge.copy(visible(answer))
        self.ui.tell(f"The answer is copied ({how}).")

    def action_settings(self) -> None:
        """System message and sampling."""
        now = ChatSettings(self.conversation.system, self.ui.state.sampling)

        def keep(settings: ChatSettings | None) -> None:
            if settings is not None:
                self.conversation = dataclasses.replace(self.conversation, system=settings.system)
                self.ui.remember(sampling=settings.sampling, system_prompt=settings.system)

        self.app.push_screen(SettingsDialog(now), keep)

    async def action_next_adapter(self) -> None:
        """The next of the recent adapters answers from now on; the conversation stays."""
        if self._busy() or self._loading is not None:
            return
        recent = [one for one in self.ui.state.recent_adapters if bridge.holds_adapter(one)]
        ring = sorted(finder.unique(recent, await self._run_adapters()))
        if len(ring) < 2:
            self.ui.tell("No other adapter is known; ctrl+o opens one by its folder.")
            return
        now = str(Path(self._weights[1]).resolve()) if self._weights[1] else ""
        at = ring.index(now) if now in ring else -1  # it may have been removed meanwhile
        self.load(None, ring[(at + 1) % len(ring)])

    @work(exclusive=True, group="open")
    async def action_open(self) -> None:
        """Choose among the known adapters and models; the conversation stays."""
        if self._busy():
            return
        state = self.ui.state
        known = known_weights(
            state.recent_adapters, await self._run_adapters(), state.recent_models
        )

        def decide(weights: Weights | None) -> None:
            if weights is not None:
                self.load(*weights)

        self.app.push_screen(WeightsDialog(known), decide)

    def action_search(self) -> None:
        """Find a message by what it says; the same words again find the next one."""
        self.app.push_screen(Ask("Search the conversation for:", self._wanted), self._find)

    def _find(self, wanted: str | None) -> None:
        if wanted is None:
            return
        self._wanted = wanted
        if not self.transcript.find(wanted):
            self.ui.tell(f"Nothing says {wanted!r}.")


PAGE: Any = ChatScreen
