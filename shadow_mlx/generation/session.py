"""A running conversation that any of the loaded modes can answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shadow_mlx.config import MODES, Mode, SamplingConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.rendering import REASONING
from shadow_mlx.errors import InputError
from shadow_mlx.generation.answers import AnswerReader, Part
from shadow_mlx.generation.decode import Answer, decode
from shadow_mlx.generation.prompts import Message, chat_prompt
from shadow_mlx.generation.reuse import ReusableCache
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel

OnPart = Callable[[Part, str], None]
"""Told which part of an answer a piece of text belongs to, as it comes."""


def modes_of(model: Any) -> dict[Mode, Any]:
    """Every mode that one loaded model can answer in; they share its weights."""
    if isinstance(model, AttachedModel):
        return {"attached": model, "detached": model.detached(), "base": model.backbone}
    if isinstance(model, DetachedModel):
        return {"detached": model}
    return {"base": model}


class ChatSession:
    """History, the mode that answers, and one prompt cache for each mode.

    Args:
        models: As :func:`modes_of` returns them.
        form: The tokenizer with its chat template, as in training.
        sampling: How answers are sampled.
        mode: The mode that answers first.
        system: The system message, if any.
    """

    def __init__(
        self,
        models: Mapping[Mode, Any],
        form: ChatFormat,
        sampling: SamplingConfig,
        *,
        mode: Mode,
        system: str | None = None,
    ) -> None:
        self._models = dict(models)
        self._form = form
        self._reader = AnswerReader(form)
        self._sampling = sampling
        self._caches = {
            name: ReusableCache(model, sampling.max_kv_size) for name, model in models.items()
        }
        self.mode = mode
        self.system = system
        self.turns: list[Message] = []  # the conversation without the system message
        self.switch(mode)

    @property
    def modes(self) -> list[Mode]:
        """The modes that are loaded."""
        return [mode for mode in MODES if mode in self._models]

    @property
    def messages(self) -> list[Message]:
        """The conversation, the system message first where there is one."""
        return self._with_system(self.turns)

    def switch(self, mode: Mode) -> None:
        """Let ``mode`` answer from now on; the conversation stays.

        Raises:
            InputError: It is not loaded.
        """
        if mode not in self._models:
            loaded = ", ".join(self.modes)
            raise InputError(f"{mode} is not loaded (loaded: {loaded})")
        self.mode = mode

    def reset(self) -> None:
        """Forget the conversation, but not the system message."""
        self.turns = []

    def restore(self, messages: Sequence[Message]) -> None:
        """Go on with ``messages``, which may begin with a system message."""
        has_system = bool(messages) and messages[0]["role"] == "system"
        self.system = messages[0]["content"] if has_system else None
        self.turns = [dict(message) for message in messages[1 if has_system else 0 :]]

    def reply(self, text: str, on_part: OnPart | None = None) -> Answer:
        """Answer ``text`` in the current mode; both join the conversation.

        Interrupted, the part of the answer that there is joins it; if there is none, nothing does.
        """
        turns = [*self.turns, {"role": "user", "content": text}]
        answer = self._answer(self.mode, turns, on_part)
        self._join(turns, answer)
        return answer

    def compare(
        self,
        text: str | None,
        on_mode: Callable[[Mode], OnPart],
        on_answer: Callable[[Mode, Answer], None],
    ) -> None:
        """Answer the same message in every loaded mode, until interrupted.

        Args:
            text: A new message; the current mode's answer to it joins the conversation. ``None``
                takes the last message again and changes nothing.
            on_mode: Called before a mode answers; returns where the parts of its text go.
            on_answer: Called after a mode has answered.

        Raises:
            InputError: There is no message to take again.
        """
        turns = list(self.turns)
        if text is not None:
            turns.append({"role": "user", "content": text})
        while turns and turns[-1]["role"] != "user":
            turns.pop()
        if not turns:
            raise InputError("nothing to compare yet: give a message, /compare TEXT")
        for mode in self.modes:
            answer = self._answer(mode, turns, on_mode(mode))
            on_answer(mode, answer)
            if text is not None and mode == self.mode:
                self._join(turns, answer)
            if answer.finish_reason == "interrupted":
                break

    def _answer(self, mode: Mode, turns: Sequence[Message], on_part: OnPart | None) -> Answer:
        prompt = chat_prompt(self._form, self._with_system(turns))
        caches, held = self._caches[mode].take(prompt)
        opening = self._reader.opening(prompt)
        stream = self._reader.stream(opening)

        def on_text(text: str) -> None:
            for part, piece in stream.feed(text):
                if on_part is not None:
                    on_part(part, piece)

        answer = decode(
            self._models[mode],
            self._form.tokenizer,
            prompt[held:],
            self._sampling,
            cache=caches,
            cached_tokens=held,
            on_text=on_text,
        )
        for part, piece in stream.finish():
            if on_part is not None:
                on_part(part, piece)
        if answer.finish_reason != "interrupted":
            self._caches[mode].keep(caches, [*prompt, *answer.tokens])
        parts = self._reader.read(answer.text, opening)
        return dataclasses.replace(answer, text=parts.words, reasoning=parts.reasoning)

    def _join(self, turns: list[Message], answer: Answer) -> None:
        if answer.text or answer.reasoning or answer.finish_reason != "interrupted":
            # the template decides whether a reasoning is shown again
            thought = {REASONING: answer.reasoning} if answer.reasoning else {}
            self.turns = [*turns, {"role": "assistant", "content": answer.text, **thought}]

    def _with_system(self, turns: Sequence[Message]) -> list[Message]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *turns]
