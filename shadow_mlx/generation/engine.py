"""Answers of one loaded model, in each of its modes: the one way from a conversation to an answer.

A session is history over it, the worker a wire over it, ``generate`` one call of it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from shadow_mlx.config import MODES, Mode, SamplingConfig, TemplateConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.reasoning import Opening
from shadow_mlx.errors import InputError, PeersLostError
from shadow_mlx.generation.answers import AnswerReader, Part
from shadow_mlx.generation.conversation import Conversation
from shadow_mlx.generation.decode import Answer, OnText, decode, weight_bytes
from shadow_mlx.generation.draft_head import DraftHead
from shadow_mlx.generation.grammar import Constraint, Grammars
from shadow_mlx.generation.prompts import chat_prompt, plain_prompt
from shadow_mlx.generation.reuse import ReusableCache
from shadow_mlx.generation.speculation import Habits
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel

OnPiece = Callable[[Part, str], None]
"""Told the next piece of an answer as it comes, and which part of the answer it belongs to."""


def modes_of(model: Any) -> dict[Mode, Any]:
    """Every mode that one loaded model can answer in; they share its weights."""
    if isinstance(model, AttachedModel):
        return {"attached": model, "detached": model.detached(), "base": model.backbone}
    if isinstance(model, DetachedModel):
        return {"detached": model}
    return {"base": model}


class Engine:
    """One loaded model, and what it remembers of the conversations that it has answered.

    Args:
        model: As :func:`shadow_mlx.loading.load` gives it.
        form: The tokenizer with its chat template, as in the adapter's training.
        team: The processes that the backbone is split over, if it is. The first one is asked; the
            others :meth:`follow` it.

    Attributes:
        habits: What drafts have taught so far; ``None`` without a shadow that could draft.
    """

    def __init__(self, model: Any, form: ChatFormat, team: Team | None = None) -> None:
        self._models = modes_of(model)
        self._caches: dict[tuple[Mode, int | None], ReusableCache] = {}
        self._template = form.template.config
        self._grammars: Grammars | None = None
        self.habits = Habits(DraftHead(model)) if isinstance(model, AttachedModel) else None
        self._team = team or alone()
        self._use(form)

    @property
    def modes(self) -> list[Mode]:
        """The modes that are loaded."""
        return [mode for mode in MODES if mode in self._models]

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights of all modes, which share them."""
        return max(weight_bytes(model) for model in self._models.values())

    def loaded_mode(self, name: str) -> Mode:
        """The mode of that name.

        Raises:
            InputError: It is not loaded.
        """
        for mode in self.modes:
            if mode == name:
                return mode
        raise InputError(f"{name} is not loaded (loaded: {', '.join(self.modes)})")

    def forget(self) -> None:
        """Give the memory of the prompt caches back."""
        self._caches.clear()

    def answer(
        self,
        asked: Conversation | str,
        mode: Mode,
        sampling: SamplingConfig,
        template: TemplateConfig | None = None,
        *,
        on_piece: OnPiece = lambda part, piece: None,
        stop: StopToken | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The answer to a conversation, or the continuation of a plain text.

        What an earlier prompt of the same mode has in common with this one is not computed again.

        Args:
            asked: A conversation, a person's message last; or a text as it stands.
            mode: Which weights answer.
            sampling: How tokens are chosen, and how many.
            template: How the chat template is used, if not as by the form.
            on_piece: Told each piece as it comes; tags around a reasoning belong to no part.
            stop: Cuts the answer when it is asked to; what there is of it is kept.
            schema: A JSON schema that the answer follows, behind its reasoning if it has one.

        Raises:
            InputError: The mode is not loaded, the chat template refuses the conversation, the
                text is empty, the model has fewer positions than the prompt has tokens, or the
                schema cannot be followed.
            ModelError: There is no chat template for a conversation.
        """
        mode = self.loaded_mode(mode)
        template = template or self._template
        if template != self._form.template.config:
            self._use(ChatFormat(self._form.tokenizer, template))
        prompt = (
            plain_prompt(self._form, asked)
            if isinstance(asked, str)
            else chat_prompt(self._form, asked.messages())
        )
        opening = self._reader.opening(prompt)
        stream = self._reader.stream(opening)
        self._team.told(
            {
                "prompt": list(prompt),
                "mode": mode,
                "sampling": sampling.part(SamplingConfig).to_mapping(),
                "schema": schema,
            }
        )

        def tell(pieces: Iterable[tuple[Part, str]]) -> None:
            for part, piece in pieces:
                on_piece(part, piece)

        constraint = self._constraint(schema, prompt, opening)
        answer = self._decode(
            prompt, mode, sampling, lambda text: tell(stream.feed(text)), stop, constraint
        )
        if constraint is not None and constraint.problem is not None:
            raise InputError(constraint.problem)
        tell(stream.finish())
        read = self._reader.read(answer.text, opening)
        return dataclasses.replace(answer, text=read.words, reasoning=read.reasoning)

    def follow(self, stop: Callable[[], StopToken] = StopToken) -> None:
        """Take part in every answer of the first process, until it has no more to ask.

        Args:
            stop: Gives what can cut the next answer from here.

        Raises:
            PeersLostError: The first process is gone without a word.
        """
        while (asked := self._team.told(None)) is not None:
            sampling = SamplingConfig.from_mapping(asked["sampling"])
            prompt = asked["prompt"]
            with suppress(InputError):  # which the first process tells
                opening = self._reader.opening(prompt)
                constraint = self._constraint(asked["schema"], prompt, opening)
                self._decode(prompt, asked["mode"], sampling, lambda _: None, stop(), constraint)

    def dismiss(self) -> None:
        """Let the processes go that follow."""
        self._team.told(None)

    def _constraint(
        self, schema: Mapping[str, Any] | None, prompt: Sequence[int], opening: Opening | None
    ) -> Constraint | None:
        if schema is None:
            return None
        if self._grammars is None:
            self._grammars = Grammars(self._form.tokenizer)
        return self._grammars.constraint(schema, len(prompt), opening)

    def _decode(
        self,
        prompt: Sequence[int],
        mode: Mode,
        sampling: SamplingConfig,
        on_text: OnText,
        stop: StopToken | None,
        constraint: Constraint | None,
    ) -> Answer:
        """Tokens behind a prompt, through the caches of this mode."""
        key, model = (mode, sampling.max_kv_size), self._models[mode]
        kept = self._caches.setdefault(key, ReusableCache(model, sampling.max_kv_size))
        caches, held = kept.take(prompt)
        if constraint is not None:
            constraint.skip(held)
        try:
            answer = decode(
                model,
                self._form.tokenizer,
                prompt[held:],
                sampling,
                cache=caches,
                cached_tokens=held,
                on_text=on_text,
                stop=stop,
                constraint=constraint,
                before=prompt[:held],
                habits=self.habits,
                team=self._team,
            )
        except (MemoryError, RuntimeError) as error:
            if not self._team.splits:
                raise
            raise PeersLostError(
                f"an answer broke off on one of the processes, and they end together ({error})"
            ) from error
        if answer.in_cache:
            kept.keep(caches, [*prompt, *answer.tokens])
        return answer

    def _use(self, form: ChatFormat) -> None:
        self._form, self._reader = form, AnswerReader(form)
