"""Going through the versions of what was said, and undoing: nothing is lost by either."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from textual.binding import Binding, BindingType

from shadow_mlx.generation.branches import Branches
from tui.screens.conversation_files import ConversationPage
from tui.widgets.composer import Composer
from tui.widgets.transcript import Transcript

UNDONE = 100
"""Steps that can be undone."""


class VersionsPage(ConversationPage):
    """A page that shows one version of each turn, and can show the others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket,alt+left", "version(-1)", "Version before", show=False),
        Binding("right_square_bracket,alt+right", "version(1)", "Version after", show=False),
        Binding("less_than_sign,alt+up", "mark(-1)", "Other versions above", show=False),
        Binding("greater_than_sign,alt+down", "mark(1)", "Other versions below", show=False),
        Binding("ctrl+z", "undo", "Undo", show=False, id="chat-undo", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._former: list[tuple[str, Branches]] = []
        self._marked: int | None = None  # the turn whose versions the keys go through

    @property
    def transcript(self) -> Transcript:
        """The conversation on the screen."""
        return self.query_one(Transcript)

    @property
    def composer(self) -> Composer:
        """The field."""
        return self.query_one(Composer)

    def remember_way(self) -> None:
        """What is shown now can be come back to."""
        self._former = [*self._former, (self._kept_as, self.branches)][-UNDONE:]

    def number(self) -> None:
        """Say of each turn which of its versions it is."""
        self.transcript.number(self.branches.places(), self._at())

    def _at(self) -> int | None:
        """The turn that is marked, else the last one that has versions."""
        several = self._several()
        return self._marked if self._marked in several else several[-1] if several else None

    def _several(self) -> list[int]:
        return [i for i, (_, of) in enumerate(self.branches.places()) if of > 1]

    async def _show(self, branches: Branches) -> None:
        self.branches = branches
        await self.transcript.begin(branches.conversation.turns, keep=False)
        self.number()
        self.keep()
        self.draw()

    def draw(self) -> None:
        """Show the state around the conversation."""
        raise NotImplementedError

    def action_mark(self, by: int) -> None:
        """The versions of another turn."""
        several, at = self._several(), self._at()
        if at is None:
            self.ui.tell("Nothing here has another version; ctrl+r answers again.")
            return
        self._marked = several[(several.index(at) + by) % len(several)]
        self.number()
        self.transcript.bring(self._marked)

    async def action_version(self, by: int) -> None:
        """The next version of the marked turn, with what came after it."""
        if self.busy():
            return
        onward = self.branches.onward()
        if by > 0 and onward != self.branches:  # an undone step
            other = onward
        elif (at := self._at()) is not None:
            self._marked = at
            other = self.branches.turned(at, by)
        else:
            self.ui.tell("Nothing here has another version; ctrl+r answers again.")
            return
        self.remember_way()
        await self._show(other)

    async def action_undo(self) -> None:
        """What stands in the field as it was; else the conversation before the last step."""
        if self.composer.text:
            self.composer.undo()
            return
        if self.busy():
            return
        if not self._former:
            self.ui.tell("There is nothing to undo.")
            return
        name, former = self._former.pop()
        if name != self._kept_as:
            await self.show_conversation(former, name)
            self.keep()
            return
        shown = self.branches.path
        # What was said since stays where it is: only another way through it is shown.
        await self._show(dataclasses.replace(self.branches, last=former.last))
        gone = shown[len(former.path) :]
        if gone and shown[: len(former.path)] == former.path:
            self.composer.write(self.branches.entries[gone[0]].turn.text)
            self.ui.tell("Taken back. It is kept: alt+right shows it again.")
