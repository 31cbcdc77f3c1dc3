"""Conversations that are kept, listed, saved and loaded: what of the chat touches files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from shadow_mlx.config.paths import home_expanded, local
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.generation.branches import Branches
from shadow_mlx.generation.conversation import Conversation
from tui.screens.base import Page
from tui.screens.conversations import ConversationsDialog
from tui.screens.dialogs import Ask, Choice
from tui.shelf import Shelf, new_name
from tui.state import state_file

FOLDER = "conversations"
"""Beside the UI's state: every conversation, as it is at the moment."""

UNKEPT = "The conversation could not be kept by itself (ctrl+s in the chat saves it)."


class ConversationPage(Page):
    """A page with a conversation that is kept by itself, beside others that can be opened.

    Attributes:
        branches: What was said, in all its versions.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "new", "New", id="chat-new", priority=True),
        Binding("ctrl+l", "list", "List", id="chat-list", priority=True),
        Binding("ctrl+s", "save", "Save", show=False, id="chat-save", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.branches = Branches()
        self._kept_as = new_name()
        self._shelf = Shelf(state_file().with_name(FOLDER))
        self._in_turn = asyncio.Lock()  # what is kept later is written later

    @property
    def conversation(self) -> Conversation:
        """What is shown of it."""
        return self.branches.conversation

    @property
    def answering(self) -> bool:
        """Whether an answer is on its way, so that the conversation must stay."""
        raise NotImplementedError

    async def show_conversation(self, branches: Branches, name: str = "") -> None:
        """Go on with another conversation; ``name`` is the one under which it is kept."""
        raise NotImplementedError

    def remember_way(self) -> None:
        """What is shown now can be come back to."""
        raise NotImplementedError

    def keep(self) -> None:
        """Write the conversation as it is now, beside the screen's work."""
        if self.branches.entries:
            self._keep(self._kept_as, self.branches)

    @work(group="keep")
    async def _keep(self, name: str, branches: Branches) -> None:
        async with self._in_turn:
            try:
                await asyncio.to_thread(self._shelf.keep, name, branches)
            except ShadowMLXError as error:
                if "chat" not in self.ui.unsaved:
                    self.ui.unsaved["chat"] = UNKEPT
                    self.ui.tell(str(error), "warning")
            else:
                self.ui.unsaved.pop("chat", None)

    def on_unmount(self) -> None:
        """Keep what is not yet; after a signal or a lost terminal one goes on with it."""
        try:
            self._shelf.keep(self._kept_as, self.branches)
        except ShadowMLXError:
            return  # it was told before
        if self.app.return_code and self.branches.entries:
            self.ui.remember(cut_conversation=self._shelf.file_name(self._kept_as))

    async def show_cut(self) -> None:
        """Go on with what a signal has cut off, if there is such a thing."""
        name = self.ui.state.cut_conversation
        if not name or self.branches.entries:  # another one has begun meanwhile
            return
        self.ui.remember(cut_conversation="")
        if (branches := await asyncio.to_thread(self._shelf.opened, name)).entries:
            await self.show_conversation(branches, name)
            self.ui.tell("The conversation of the last time is here again.")

    def action_save(self) -> None:
        """Write the conversation as one line of chat data."""
        question = "Save the conversation as a line of chat data:"
        self.app.push_screen(Ask(question, "conversation.jsonl", path=True), self._save)

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
        self.ui.unsaved.pop("chat", None)
        self.ui.tell(f"Saved: {path}")

    @work(group="list")
    async def action_list(self) -> None:
        """The conversations that are kept; any other from a file."""
        if self.busy():
            return
        self.put(ConversationsDialog(self._shelf), self._open)

    async def _open(self, chosen: str | None) -> None:
        if chosen is None:
            if self.branches.entries and self._shelf.lacks(self._kept_as):
                self.remember_way()
                await self._begin_anew()
                self.ui.tell("The conversation is removed; ctrl+z has it here again.")
        elif self._shelf.holds(chosen):
            branches = await asyncio.to_thread(self._shelf.opened, chosen)
            self.remember_way()
            await self.show_conversation(branches, chosen)
        else:
            await self._read(chosen)

    async def _read(self, name: str) -> None:
        from shadow_mlx.generation.transcript import load_transcript

        try:
            conversation = load_transcript(home_expanded(name), mode="loaded")
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        self.remember_way()
        await self.show_conversation(Branches.of(conversation))

    async def action_new(self) -> None:
        """Begin another conversation, with the same system message; this one is kept."""
        if self.busy():
            return
        if not self.branches.path:
            self.ui.tell("Nothing is said yet: this is a new one.")
            return
        self.remember_way()
        await self._begin_anew()
        self.ui.tell("A new conversation; ctrl+l lists the others.")

    async def _begin_anew(self) -> None:
        await self.show_conversation(Branches(system=self.branches.system))

    def busy(self) -> bool:
        """Whether an answer is on its way; then a word about it is said."""
        if self.answering:
            self.ui.tell("An answer is on its way; Escape stops it.", "warning")
        return self.answering
