"""Asking and answering: the part of the chat that talks with the models' process."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.widgets.markdown import MarkdownStream

from shadow_mlx.generation.branches import Branches
from shadow_mlx.generation.conversation import Turn
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.versions import VersionsPage
from tui.shelf import new_name
from tui.views.chat_view import Weights, cost
from tui.widgets.composer import Composer
from tui.widgets.transcript import Bubble
from tui.widgets.waiting import Waiting

EDITING = (
    "Enter sends it anew beside the former one, Escape leaves it; ctrl+e takes the one before."
)

UNASKED = "Nothing is asked yet."


class TalkingPage(VersionsPage):
    """A page that sends messages and streams the answers into its transcript.

    What is sent while nobody can answer waits, and is asked in its turn. Nothing that was said is
    given up before something else stands in its place.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "again", "Again", id="chat-again", priority=True),
        Binding("ctrl+e", "edit", "Edit", id="chat-edit", priority=True),
        Binding("escape", "stop_or_leave", "Stop", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.mode: str = "attached"
        self._weights = Weights()
        self._asked: int | None = None  # the request that is being answered
        self._stopping = False
        self._last: m.Answered | None = None
        self._draft: str | None = None  # what stood in the field before Ctrl+E
        self._edited = 0  # the place of the question that is edited

    @property
    def ready(self) -> bool:
        """Whether weights are loaded that can answer."""
        raise NotImplementedError

    @property
    def answered_by(self) -> str:
        """Whose answers come now, beside the mode."""
        raise NotImplementedError

    @property
    def answering(self) -> bool:
        """Whether an answer is on its way."""
        return self._asked is not None

    def on_composer_sent(self, message: Composer.Sent) -> None:
        """Ask, now or when its turn comes."""
        if message.text:
            self.query_one(Waiting).add(message.text)
        self.go_on()

    def go_on(self) -> None:
        """Ask what waits, if it can be answered now."""
        waiting = self.query_one(Waiting)
        if self.answering or not self.ready or not waiting.texts:
            return
        asked = self.branches
        if self._draft is not None:
            asked = asked.first(self._edited)
            draft, self._draft = self._draft, None
            self.composer.write(draft)
        self.remember_way()
        self.branches = asked.asked(waiting.next())
        self.keep()
        self._ask(self.branches)

    def _ask(self, asked: Branches) -> None:
        self._asked, self._stopping = self.ui.processes["models"].number(), False
        self._answer(asked, self._asked)

    @work(group="answer")
    async def _answer(self, asked: Branches, number: int) -> None:
        """Stream an answer; a former one stays until this one is complete."""
        again = len(self.branches.path) > len(asked.path)
        former = await self.transcript.begin(asked.conversation.turns, keep=again)
        if not again:
            self.number()
        blank = Turn("assistant", "", self.mode, weights=self.answered_by)
        bubble = await self.transcript.say(blank)
        stream = bubble.stream()
        self.draw()
        turn: Turn | None = None
        try:
            turn = await self._listen(asked, number, bubble, stream)
        except ChildError as error:
            self._stopping = True
            self.ui.tell(str(error), "error")
        finally:
            await stream.stop()
            self._asked = None
        if turn is None or (self._stopping and (again or not (turn.text or turn.reasoning))):
            await bubble.remove()
            for one in former:
                one.remove_class("-former")
            if again:
                self.ui.tell("The former answer stays.")
        else:
            for one in former:
                await one.remove()
            if again:
                self.remember_way()
            self.branches = dataclasses.replace(asked.said(turn), system=self.branches.system)
            self._marked = None
            bubble.finish(turn)
            self.number()
            self.keep()
        self.draw()
        if not self._stopping:
            self.go_on()

    async def _listen(
        self, asked: Branches, number: int, bubble: Bubble, stream: MarkdownStream
    ) -> Turn | None:
        """The answer as it comes; what there is of it where it was stopped."""
        child, blank, thoughts = self.ui.processes["models"], bubble.turn, ""
        pieces: list[str] = []
        request = m.Ask(number, blank.mode, asked.conversation.messages(), self.ui.state.answers)
        await self.ui.processes.loaded(self._weights)  # another page may have loaded others
        if self._stopping:
            return None
        async for reply in child.ask(request):
            if isinstance(reply, m.Piece) and reply.part == "reasoning":
                thoughts += reply.text
                bubble.think(thoughts, ended=False)
            elif isinstance(reply, m.Piece):
                pieces.append(reply.text)
                await stream.write(visible(reply.text))
            elif isinstance(reply, m.Answered):
                self._last = reply
                return dataclasses.replace(
                    blank, text=reply.text, note=cost(reply), reasoning=reply.reasoning
                )
        if not pieces and not thoughts:
            return None
        text, thought = "".join(pieces), thoughts.strip()
        return dataclasses.replace(blank, text=text, note="stopped", reasoning=thought)

    async def show_conversation(self, branches: Branches, name: str = "") -> None:
        """Go on with another conversation; ``name`` is the one under which it is kept."""
        self._leave_editing()
        self.branches, self._kept_as = branches, name or new_name()
        self._last, self._marked = None, None
        await self.transcript.show(branches.conversation.turns)
        self.number()
        self.draw()

    def action_stop_or_leave(self) -> None:
        """Stop the answer, take back what waits or is edited; else leave the field."""
        waiting = self.query_one(Waiting)
        if self._asked is not None:
            self._stopping = True
            self.ui.processes["models"].stop(self._asked)
        elif self._draft is not None:
            self._leave_editing()
            return
        elif not waiting.texts:
            self.action_leave_field()
        if waiting.texts:
            self.composer.write(waiting.take_back(self.composer.text))

    def _leave_editing(self) -> None:
        """All is as it was before Ctrl+E."""
        if self._draft is not None:
            draft, self._draft = self._draft, None
            self.transcript.set_former(len(self.branches.path))
            self.composer.write(draft)

    def _settled(self) -> bool:
        """Whether the last question can be asked anew; else a word about why not."""
        if self.busy():
            return False
        if self._draft is not None:
            self.ui.tell(EDITING, "warning")
        elif not self.ready:
            self.ui.tell("Nothing is loaded yet.", "warning")
        else:
            return True
        return False

    def action_again(self) -> None:
        """Answer the last message again, beside the answer that there is."""
        at = self._question_before(len(self.branches.path))
        if at is None:
            self.ui.tell(UNASKED)
        elif self._settled():
            self._ask(self.branches.first(at + 1))

    def action_edit(self) -> None:
        """Take the last message into the field, or the one before that which is there."""
        turns = self.conversation.turns
        if self._draft is not None and self.composer.text == turns[self._edited].text:
            at = self._question_before(self._edited)
            if at is None:
                self.ui.tell("It is the first one.")
                return
        else:
            at = self._question_before(len(turns))
            if at is None:
                self.ui.tell(UNASKED)
                return
            if not self._settled():
                return
            self._draft = self.composer.text
        self._edited = at
        self.transcript.set_former(at)
        self.composer.write(turns[at].text)
        self.transcript.bring(at)
        self.ui.tell(EDITING)

    def _question_before(self, place: int) -> int | None:
        """The place of the last question before another one, if there is any."""
        turns = self.conversation.turns
        return next((i for i in reversed(range(place)) if turns[i].role == "user"), None)
