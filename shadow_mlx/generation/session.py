"""A running conversation that any of the loaded modes can answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from shadow_mlx.config import MODES, Mode, SamplingConfig
from shadow_mlx.errors import InputError
from shadow_mlx.generation.decode import Answer, OnText, decode
from shadow_mlx.generation.prompts import Message, chat_prompt
from shadow_mlx.generation.reuse import ReusableCache
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel


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
        tokenizer: As mlx-lm loads it, with a chat template.
        sampling: How answers are sampled.
        mode: The mode that answers first.
        system: The system message, if any.
        template_options: Further variables of the chat template.
    """

    def __init__(
        self,
        models: Mapping[Mode, Any],
        tokenizer: Any,
        sampling: SamplingConfig,
        *,
        mode: Mode,
        system: str | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._models = dict(models)
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._template_options = dict(template_options or {})
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

    def reply(self, text: str, on_text: OnText | None = None) -> Answer:
        """Answer ``text`` in the current mode; both join the conversation.

        Interrupted, the part of the answer that there is joins it; if there is none, nothing does.
        """
        turns = [*self.turns, {"role": "user", "content": text}]
        answer = self._answer(self.mode, turns, on_text)
        self._join(turns, answer)
        return answer

    def compare(
        self,
        text: str | None,
        on_mode: Callable[[Mode], OnText],
        on_answer: Callable[[Mode, Answer], None],
    ) -> None:
        """Answer the same message in every loaded mode, until interrupted.

        Args:
            text: A new message; the current mode's answer to it joins the conversation. ``None``
                takes the last message again and changes nothing.
            on_mode: Called before a mode answers; returns where its text goes.
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

    def _answer(self, mode: Mode, turns: Sequence[Message], on_text: OnText | None) -> Answer:
        prompt = chat_prompt(self._tokenizer, self._with_system(turns), self._template_options)
        caches, held = self._caches[mode].take(prompt)
        answer = decode(
            self._models[mode],
            self._tokenizer,
            prompt[held:],
            self._sampling,
            cache=caches,
            cached_tokens=held,
            on_text=on_text,
        )
        if answer.finish_reason != "interrupted":
            self._caches[mode].keep(caches, [*prompt, *answer.tokens])
        return answer

    def _join(self, turns: list[Message], answer: Answer) -> None:
        if answer.text or answer.finish_reason != "interrupted":
            self.turns = [*turns, {"role": "assistant", "content": answer.text}]

    def _with_system(self, turns: Sequence[Message]) -> list[Message]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *turns]
