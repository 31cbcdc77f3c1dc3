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
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Markdown, Static

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui import bridge
from tui.child import ChildError
from tui.conversation import Conversation, Turn, from_messages
from tui.screens.base import Page
from tui.screens.dialogs import Ask, Choice
from tui.screens.settings import ChatSettings, SettingsDialog
from tui.widgets.composer import Composer
from tui.words import gigabytes

MODES = ("attached", "detached", "base")
MEANING = {
    "attached": "backbone and shadow",
    "detached": "the shadow alone",
    "base": "the untuned backbone",
}


class Bubble(Vertical):
    """One message of the conversation, with who said it above it."""

    DEFAULT_CSS = """
    Bubble { height: auto; padding: 0 1; margin-bottom: 1; }
    Bubble .who { text-style: bold; color: $text-accent; }
    Bubble .note { color: $text-muted; }
    Bubble Markdown { margin: 0; padding: 0 2; background: transparent; }
    Bubble .said { padding: 0 2; }
    Bubble.-found { background: $boost; border-left: thick $accent; }
    """

    def __init__(self, turn: Turn) -> None:
        super().__init__()
        self.turn = turn

    def compose(self) -> ComposeResult:
        """The person's words as they are; an answer as Markdown whose links lead nowhere."""
        who = "you" if self.turn.role == "user" else self.turn.mode or self.turn.role
        yield Static(visible(who), classes="who", markup=False)
        if self.turn.role == "assistant":
            yield Markdown(visible(self.turn.text), open_links=False)
        else:
            yield Static(visible(self.turn.text), classes="said", markup=False)
        yield Static(visible(self.turn.note), classes="note", markup=False)

    def on_mount(self) -> None:
        """No empty line where there is no note."""
        self.query_one(".note").display = bool(self.turn.note)

    def finish(self, turn: Turn) -> None:
        """The answer is complete."""
        self.turn = turn
        note = self.query_one(".note", Static)
        note.display = bool(turn.note)
        note.update(visible(turn.note))


class ChatScreen(Page):
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
- `Ctrl+O` another adapter or model
"""
    DEFAULT_CSS = """
    ChatScreen #status { height: 1; padding: 0 1; background: $primary; color: $text; }
    ChatScreen #talk { height: 1fr; }
    ChatScreen #composer { margin: 0 1; border: none; background: $panel; }
    ChatScreen #empty { padding: 1 2; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "mode", "Mode", id="chat-mode", priority=True),
        Binding("ctrl+r", "again", "Again", id="chat-again", priority=True),
        Binding("ctrl+e", "edit", "Edit", id="chat-edit", priority=True),
        Binding("ctrl+y", "copy", "Copy", id="chat-copy", priority=True),
        Binding("ctrl+g", "settings", "Settings", id="chat-settings", priority=True),
        Binding("ctrl+o", "open", "Model", id="chat-open", priority=True),
        Binding("ctrl+s", "save", "Save", id="chat-save", priority=True),
        Binding("ctrl+l", "load_file", "Load", show=False, id="chat-load", priority=True),
        Binding("ctrl+n", "new", "New", id="chat-new", priority=True),
        Binding("ctrl+f", "search", "Search", show=False, id="chat-search", priority=True),
        Binding("escape", "stop_or_leave", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()
        self.mode = "attached"
        self._loaded: m.Loaded | None = None
        self._loading: tuple[str | None, str | None] | None = None
        self._weights: tuple[str | None, str | None] = (None, None)  # model and adapter, as asked
        self._asked: int | None = None  # the request that is being answered
        self._last: m.Answered | None = None
        self._problem = ""
        self._found = -1

    def body(self) -> ComposeResult:
        """Which weights, the conversation, the field."""
        yield Static(id="status", markup=False)
        with VerticalScroll(id="talk"):
            yield Static("", id="empty", markup=False)
        yield Composer(compact=True, placeholder="Message (Enter sends)", id="composer")

    def on_mount(self) -> None:
        """Load the newest adapter, or the bundled model."""
        self.conversation = Conversation(system=self.ui.state.system_prompt)
        self.query_one("#talk", VerticalScroll).anchor()
        self.query_one(Composer).focus()
        self._draw()
        if self._loading is None and self._loaded is None:
            self._load_newest()

    @work(exclusive=True, group="load")
    async def _load_newest(self) -> None:
        runs = await asyncio.to_thread(bridge.find_runs, self.ui.state.runs, Path.cwd())
        with_adapter = [run for run in runs if bridge.has_adapter(run)]
        if self._loading is None:
            if with_adapter:
                self.load(None, str(with_adapter[0]))
            else:
                self.load("sprout", None)

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
        self._loading, self._loaded, self._weights = None, loaded, (model, adapter)
        if self.mode not in loaded.modes:
            self.mode = loaded.modes[0]
        if adapter is None and model:
            self.ui.remember_first("recent_models", model)
        self._draw()

    def _draw(self) -> None:
        self.query_one("#status", Static).update(self._status())
        empty = self.query_one("#empty", Static)
        empty.display = not self.conversation.turns
        empty.update(self._invitation())

    def _status(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        if self._loading is not None:
            model, adapter = self._loading
            text.append(f"… loading {visible(adapter or model or 'the model')}")
            return text
        if self._loaded is None:
            text.append("✘ nothing is loaded (ctrl+o)", "bold")
            return text
        loaded = self._loaded
        text.append(f" {self.mode.upper()} ", "bold reverse")
        text.append(f" {MEANING[self.mode]} · {visible(loaded.backbone)}")
        if loaded.adapter and self.mode != "base":
            text.append(f" + {visible(Path(loaded.adapter).name)}")
        if self._asked is not None:
            text.append(" · answering (esc stops)")
        if (last := self._last) is not None:
            context = last.prompt_tokens + last.cached_tokens + last.tokens
            text.append(f" · {context:,} tokens · {last.generation_tps:,.0f}/s")
            text.append(f" · {gigabytes(last.memory_bytes)}")
        return text

    def _invitation(self) -> str:
        if self._problem:
            return f"! {visible(self._problem)}\n\nctrl+o chooses another adapter or model."
        if self._loaded is None:
            return "Loading …"
        lines = ["Say something. ctrl+t switches which weights answer:"]
        lines += [f"  {mode:<9} {MEANING[mode]}" for mode in self._loaded.modes]
        if self._loaded.note:
            lines.append(f"\n{visible(self._loaded.backbone)}: {visible(self._loaded.note)}")
        return "\n".join(lines)

    async def on_composer_sent(self, message: Composer.Sent) -> None:
        """Ask."""
        if self._asked is not None:
            self.ui.tell("An answer is on its way; Escape stops it.", "warning")
            return
        if self._loaded is None:
            self.ui.tell("Nothing is loaded yet.", "warning")
            return
        self.query_one(Composer).text = ""
        await self._say(Turn("user", message.text))
        self._answer()

    async def _say(self, turn: Turn) -> Bubble:
        self.conversation = self.conversation.said(turn)
        self._mark_unsaved()
        return await self._show(turn)

    async def _show(self, turn: Turn) -> Bubble:
        bubble = Bubble(turn)
        talk = self.query_one("#talk", VerticalScroll)
        await talk.mount(bubble)
        talk.anchor()
        self._draw()
        return bubble

    @work(exclusive=True, group="answer")
    async def _answer(self) -> None:
        """Stream an answer to the conversation as it stands."""
        child, mode = self.ui.child("models"), self.mode
        number = child.number()
        self._asked = number
        request = m.Ask(number, mode, self.conversation.messages(), self.ui.state.sampling)
        bubble = await self._show(Turn("assistant", "", mode))
        stream = Markdown.get_stream(bubble.query_one(Markdown))
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
                    turn = Turn("assistant", reply.text, mode, _cost(reply))
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
            self._mark_unsaved()
        self._draw()

    def _mark_unsaved(self) -> None:
        if self.conversation.saved or not self.conversation.turns:
            self.ui.unsaved.pop("chat", None)
        else:
            self.ui.unsaved["chat"] = "The conversation is not saved (ctrl+s in the chat saves it)."

    async def _redraw(self, conversation: Conversation) -> None:
        self.conversation = conversation
        await self.query(Bubble).remove()
        talk = self.query_one("#talk", VerticalScroll)
        await talk.mount_all(Bubble(turn) for turn in conversation.turns)
        self._mark_unsaved()
        self._draw()

    def action_mode(self) -> None:
        """The next weights answer."""
        modes = [mode for mode in MODES if self._loaded and mode in self._loaded.modes]
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
            await self._redraw(conversation.said(Turn("user", question)))
            self._answer()

    async def action_edit(self) -> None:
        """Take the last message back into the field."""
        if self._asked is not None:
            return
        conversation, question = self.conversation.before_last_question()
        if question:
            await self._redraw(conversation)
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

    def action_open(self) -> None:
        """Another adapter folder, or a model without one."""
        loaded = self._loaded
        current = (loaded.adapter or loaded.backbone) if loaded else ""

        def decide(name: str | None) -> None:
            if name is not None:
                folder = Path(name).expanduser()
                if (folder / "adapter_config.json").is_file():
                    self.load(None, str(folder))
                else:
                    self.load(name, None)

        self.app.push_screen(Ask("An adapter's folder, a model's folder or id:", current), decide)

    def action_save(self) -> None:
        """Write the conversation as one line of chat data."""
        self.app.push_screen(Ask("Save the conversation as:", "conversation.jsonl"), self._save)

    def _save(self, name: str | None) -> None:
        if name is None:
            return
        path = Path(name).expanduser()
        if path.exists():
            question = f"{path} exists. Replace it?"
            answers = [("replace", "y", "Replace it")]
            self.app.push_screen(
                Choice(question, answers), lambda choice: self._write(path) if choice else None
            )
        else:
            self._write(path)

    def _write(self, path: Path) -> None:
        try:
            bridge.save_conversation(path, self.conversation.messages())
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        self.conversation = dataclasses.replace(self.conversation, saved=True)
        self._mark_unsaved()
        self.ui.tell(f"Saved: {path}")

    def action_load_file(self) -> None:
        """Go on with a conversation from a file."""
        self.app.push_screen(Ask("Load a conversation from:", "conversation.jsonl"), self._read)

    async def _read(self, name: str | None) -> None:
        if name is None:
            return
        try:
            messages = bridge.load_conversation(Path(name).expanduser())
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        await self._redraw(from_messages(messages))

    async def action_new(self) -> None:
        """Forget the conversation, but not the system message."""
        if self._asked is None:
            self._last = None
            await self._redraw(Conversation(system=self.conversation.system))

    def action_search(self) -> None:
        """Find a message by what it says; again for the next one."""
        self.app.push_screen(Ask("Search the conversation for:"), self._find)

    def _find(self, wanted: str | None) -> None:
        if wanted is None:
            return
        bubbles = list(self.query(Bubble))
        hits = [i for i, b in enumerate(bubbles) if wanted.lower() in b.turn.text.lower()]
        self.query(Bubble).remove_class("-found")
        if not hits:
            self.ui.tell(f"Nothing says {wanted!r}.")
            return
        self._found = next((i for i in hits if i > self._found), hits[0])
        bubbles[self._found].add_class("-found")
        bubbles[self._found].scroll_visible()


def _cost(answer: m.Answered) -> str:
    """What an answer took, in a line."""
    ends = {"length": " · cut at max tokens", "interrupted": " · stopped"}
    return (
        f"{answer.tokens} tokens · {answer.generation_tps:,.0f}/s · first after "
        f"{1000 * answer.first_token_seconds:,.0f} ms{ends.get(answer.finish_reason, '')}"
    )


PAGE: Any = ChatScreen
