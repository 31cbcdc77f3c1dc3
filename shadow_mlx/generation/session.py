"""A running conversation that any of the loaded modes can answer: history over an engine."""

from __future__ import annotations

from collections.abc import Callable

from shadow_mlx.config import Mode, SamplingConfig
from shadow_mlx.errors import InputError
from shadow_mlx.generation.conversation import Conversation, Turn
from shadow_mlx.generation.decode import Answer
from shadow_mlx.generation.engine import Engine, OnPiece
from shadow_mlx.runs.events import StopToken


class ChatSession:
    """The conversation so far, and the mode that answers.

    Args:
        engine: What answers.
        sampling: How answers are sampled.
        mode: The mode that answers first.
        system: The system message, if any.

    Attributes:
        conversation: What was said; whoever wants another one puts it here.
    """

    def __init__(
        self, engine: Engine, sampling: SamplingConfig, *, mode: Mode, system: str = ""
    ) -> None:
        self._engine = engine
        self._sampling = sampling
        self.conversation = Conversation(system=system)
        self.switch(mode)

    @property
    def modes(self) -> list[Mode]:
        """The modes that are loaded."""
        return self._engine.modes

    def switch(self, mode: Mode) -> None:
        """Let ``mode`` answer from now on; the conversation stays.

        Raises:
            InputError: It is not loaded.
        """
        self.mode = self._engine.loaded_mode(mode)

    def reset(self) -> None:
        """Forget the conversation, but not the system message."""
        self.conversation = Conversation(system=self.conversation.system)

    def reply(
        self, text: str, on_piece: OnPiece = lambda part, piece: None, stop: StopToken | None = None
    ) -> Answer:
        """Answer ``text`` in the current mode; both join the conversation.

        Stopped, the part of the answer that there is joins it; if there is none, nothing does.
        """
        asked = self.conversation.asked(text)
        answer = self._answer(asked, self.mode, on_piece, stop)
        self._join(asked, answer)
        return answer

    def compare(
        self,
        text: str | None,
        on_mode: Callable[[Mode], OnPiece],
        on_answer: Callable[[Mode, Answer], None],
        stop: StopToken | None = None,
    ) -> None:
        """Answer the same message in every loaded mode, until stopped.

        Args:
            text: A new message; the current mode's answer to it joins the conversation. ``None``
                takes the last message again and changes nothing.
            on_mode: Called before a mode answers; returns where the pieces of its answer go.
            on_answer: Called after a mode has answered.
            stop: Cuts the answer that is made, and leaves the other modes out.

        Raises:
            InputError: There is no message to take again.
        """
        before, question = self.conversation, text
        if question is None:
            before, question = self.conversation.before_last_question()
            if before is self.conversation:
                raise InputError("nothing to compare yet: give a message, /compare TEXT")
        asked = before.asked(question)
        for mode in self.modes:
            answer = self._answer(asked, mode, on_mode(mode), stop)
            on_answer(mode, answer)
            if text is not None and mode == self.mode:
                self._join(asked, answer)
            if answer.finish_reason == "interrupted":
                break

    def _answer(
        self, asked: Conversation, mode: Mode, on_piece: OnPiece, stop: StopToken | None
    ) -> Answer:
        return self._engine.answer(asked, mode, self._sampling, on_piece=on_piece, stop=stop)

    def _join(self, asked: Conversation, answer: Answer) -> None:
        if answer.text or answer.reasoning or answer.finish_reason != "interrupted":
            self.conversation = asked.said(
                Turn("assistant", answer.text, reasoning=answer.reasoning)
            )
