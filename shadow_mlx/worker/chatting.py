"""Answers from a loaded model, in any mode, for conversations that the asking side keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from shadow_mlx.checkpoints.template_record import template_of
from shadow_mlx.config import Mode, SamplingConfig, TemplateConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError
from shadow_mlx.generation.answers import AnswerReader, Pieces
from shadow_mlx.generation.decode import decode, seed_sampling, weight_bytes
from shadow_mlx.generation.prompts import chat_prompt
from shadow_mlx.generation.reuse import ReusableCache
from shadow_mlx.generation.session import modes_of
from shadow_mlx.hub.resolving import choose_model
from shadow_mlx.loading import load
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.worker import messages as m


class Chat:
    """One loaded model, and a prompt cache for each of its modes.

    Args:
        send: Where pieces of an answer go while it is made.
    """

    def __init__(self, send: Callable[[m.Reply], None]) -> None:
        self._send = send
        self._models: dict[Mode, Any] = {}
        self._caches: dict[tuple[Mode, int | None], ReusableCache] = {}
        self._tokenizer: Any = None
        self._adapter: str | None = None

    def serve(self, request: m.Request) -> Iterator[m.Reply]:
        """Replies to ``Load`` and ``Ask``."""
        if isinstance(request, m.Load):
            yield m.Progress(request.id, "loading")
            yield self._load(request)
        elif isinstance(request, m.Ask):
            yield self._answer(request)
        else:
            raise InputError(f"the worker does not know {type(request).__name__}")

    def _load(self, request: m.Load) -> m.Loaded:
        started = time.monotonic()
        adapter = request.adapter
        if adapter is not None and not holds_adapter(adapter):
            raise InputError(f"no adapter in {adapter}: train one first, or choose another folder")
        self._models, self._caches = {}, {}  # two models at once may not fit
        choice = choose_model(request.model, adapter)
        model, self._tokenizer = load(
            None if choice.adapter else choice.name,  # errors tell then where the name comes from
            adapter,
            "attached" if adapter else "base",
            trust_remote_code=request.trust_remote_code,
        )
        self._adapter = adapter
        self._models = modes_of(model)
        return m.Loaded(
            request.id,
            choice.name,
            adapter,
            list(self._models),
            weight_bytes(model),
            time.monotonic() - started,
            choice.reason if choice.by_default else "",
        )

    def _answer(self, request: m.Ask) -> m.Answered:
        mode: Mode = request.mode  # type: ignore[assignment]  # checked by the lookup below
        model = self._models.get(mode)
        if model is None:
            raise InputError(f"{mode} is not loaded (loaded: {', '.join(self._models) or 'none'})")
        sampling = SamplingConfig.from_mapping(request.sampling, where="sampling")
        seed_sampling(sampling)
        wanted = TemplateConfig.from_mapping(request.template, where="template")
        form = ChatFormat(self._tokenizer, template_of(self._adapter, wanted))
        prompt = chat_prompt(form, request.messages)
        reader = AnswerReader(form)
        opening = reader.opening(prompt)
        stream = reader.stream(opening)
        key = (mode, sampling.max_kv_size)
        cache = self._caches.setdefault(key, ReusableCache(model, sampling.max_kv_size))
        caches, held = cache.take(prompt)
        started = time.monotonic()
        first: list[float] = []

        def send(parts: Pieces) -> None:
            for part, piece in parts:
                self._send(m.Piece(request.id, piece, part))

        def on_text(text: str) -> None:
            if not first:
                first.append(time.monotonic() - started)
            send(stream.feed(text))

        answer = decode(
            model,
            self._tokenizer,
            prompt[held:],
            sampling,
            cache=caches,
            cached_tokens=held,
            on_text=on_text,
        )
        send(stream.finish())
        if answer.finish_reason != "interrupted":
            cache.keep(caches, [*prompt, *answer.tokens])
        read = reader.read(answer.text, opening)
        return m.Answered(
            request.id,
            mode,
            read.words,
            len(answer.tokens),
            answer.prompt_tokens,
            answer.cached_tokens,
            answer.prompt_tps,
            answer.generation_tps,
            answer.memory_bytes,
            answer.finish_reason,
            first[0] if first else 0.0,
            read.reasoning,
            answer.limit.tokens if answer.limit else 0,
        )
