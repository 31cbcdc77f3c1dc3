"""Saving, loading and leaving a conversation: the part of the chat that touches files."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType

from shadow_mlx.config.paths import home_expanded, local
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.generation.conversation import Conversation
from tui.screens.base import Page
from tui.screens.dialogs import Ask, Choice
from tui.state import state_file

KEPT = "unsaved-conversation.jsonl"
"""Beside the UI's state: what was not saved when a signal ended the program."""

UNSAVED = "The conversation is not saved (ctrl+s in the chat saves it)."


class ConversationPage(Page):
    """A page with a conversation that can be saved, loaded, and begun anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="chat-save", priority=True),
        Binding("ctrl+l", "load_file", "Load", show=False, id="chat-load", priority=True),
        Binding("ctrl+n", "new", "New", id="chat-new", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.conversation = Conversation()

    @property
    def answering(self) -> bool:
        """Whether an answer is on its way, so that the conversation must stay."""
        raise NotImplementedError

    async def show_conversation(self, conversation: Conversation) -> None:
        """Go on with another conversation."""
        raise NotImplementedError

    def mark_unsaved(self) -> None:
        """Have leaving warn of what would be lost, or not."""
        if self.conversation.saved or not self.conversation.turns:
            self.ui.unsaved.pop("chat", None)
        else:
            self.ui.unsaved["chat"] = UNSAVED

    def on_unmount(self) -> None:
        """Keep what is not saved when nobody could be asked: a signal, or a lost terminal."""
        from shadow_mlx.generation.transcript import save_transcript

        if self.app.return_code and "chat" in self.ui.unsaved:
            with contextlib.suppress(ShadowMLXError):
                save_transcript(state_file().with_name(KEPT), self.conversation)

    async def show_kept(self) -> None:
        """Go on with what a signal has cut off, if there is such a thing."""
        from shadow_mlx.generation.transcript import load_transcript

        path = state_file().with_name(KEPT)
        if not path.exists() or self.conversation.turns:  # another one has begun meanwhile
            return
        try:
            conversation = load_transcript(path, mode="loaded")
            await self.show_conversation(dataclasses.replace(conversation, saved=False))
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        self.mark_unsaved()
        path.unlink(missing_ok=True)
        self.ui.tell("The conversation of the last time is here again; it is not saved.")

    def action_save(self) -> None:
        """Write the conversation as one line of chat data."""
        self._ask_for_path("Save the conversation as:", self._save)

    def _save(self, name: str | None) -> None:
        if name is None:
            return
        path = home_expanded(name)
        if local(name) is not None:
            question = f"{path} exists. Replace it?"
            answers = [("replace", "y", "Replace it")]
            self.app.push_screen(
                Choice(question, answers), lambda choice: self._write(path) if choice else None
            )
        else:
            self._write(path)

    def _write(self, path: Path) -> None:
        from shadow_mlx.generation.transcript import save_transcript

        try:
            save_transcript(path, self.conversation)
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        self.conversation = dataclasses.replace(self.conversation, saved=True)
        self.mark_unsaved()
        self.ui.tell(f"Saved: {path}")

    async def action_load_file(self) -> None:
        """Go on with a conversation from a file."""
        await self._unless_lost(self._ask_for_file)

    async def _ask_for_file(self) -> None:
        self._ask_for_path("Load a conversation from:", self._read)

    def _ask_for_path(self, question: str, then: Callable[[str | None], Any]) -> None:
        self.app.push_screen(Ask(question, "conversation.jsonl", path=True), then)

    async def _read(self, name: str | None) -> None:
        if name is None:
            return
        from shadow_mlx.generation.transcript import load_transcript

        try:
            conversation = load_transcript(home_expanded(name), mode="loaded")
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        await self.show_conversation(conversation)

    async def action_new(self) -> None:
        """Forget the conversation, but not the system message."""
        await self._unless_lost(self._begin_anew)

    async def _begin_anew(self) -> None:
        await self.show_conversation(Conversation(system=self.conversation.system))

    async def _unless_lost(self, go_on: Callable[[], Awaitable[None]]) -> None:
        """Ask before a conversation that is not saved goes."""
        if self.answering:
            self.ui.tell("An answer is on its way; Escape stops it.", "warning")
            return
        if "chat" not in self.ui.unsaved:
            await go_on()
            return

        async def decide(choice: str | None) -> None:
            if choice:
                await go_on()

        question = "The conversation is not saved. Give it up?"
        self.app.push_screen(Choice(question, [("drop", "y", "Give it up")]), decide)
