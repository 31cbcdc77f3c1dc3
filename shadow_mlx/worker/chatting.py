"""Answers over the wire, for conversations that the asking side keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from shadow_mlx.checkpoints.template_record import template_of
from shadow_mlx.config import AnswerConfig, SamplingConfig
from shadow_mlx.errors import InputError
from shadow_mlx.generation.answers import Part
from shadow_mlx.generation.conversation import Conversation
from shadow_mlx.generation.decode import seed_sampling
from shadow_mlx.generation.pool import Pool
from shadow_mlx.hub.resolving import choose_model
from shadow_mlx.runs.events import StopToken
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.worker import messages as m


class Chat:
    """What is loaded, and asked.

    Args:
        send: Where pieces of an answer go while it is made.
    """

    def __init__(self, send: Callable[[m.Reply], None]) -> None:
        self._send = send
        self._pool = Pool()
        self._adapter: str | None = None

    def serve(self, request: m.Request, stop: StopToken) -> Iterator[m.Reply]:
        """Replies to ``Load`` and ``Ask``; ``stop`` cuts an answer."""
        if isinstance(request, m.Load):
            yield m.Progress(request.id, "loading")
            yield self._load(request)
        elif isinstance(request, m.Ask):
            yield self._answer(request, stop)
        else:
            raise InputError(f"the worker does not know {type(request).__name__}")

    def _load(self, request: m.Load) -> m.Loaded:
        started = time.monotonic()
        adapter = request.adapter
        if adapter is not None and not holds_adapter(adapter):
            raise InputError(f"no adapter in {adapter}: train one first, or choose another folder")
        choice = choose_model(request.model, adapter)
        self._pool.load(
            None if choice.adapter else choice.name,  # errors tell then where the name comes from
            adapter,
            trust_remote_code=request.trust_remote_code,
        )
        self._adapter = adapter
        return m.Loaded(
            request.id,
            choice.name,
            adapter,
            list(self._pool.engine.modes),
            self._pool.engine.weight_bytes,
            time.monotonic() - started,
            choice.reason if choice.by_default else "",
        )

    def _answer(self, request: m.Ask, stop: StopToken) -> m.Answered:
        engine = self._pool.engine
        mode = engine.loaded_mode(request.mode)
        options = AnswerConfig.from_mapping(request.options, where="options")
        sampling = options.part(SamplingConfig)
        seed_sampling(sampling)

        def on_piece(part: Part, piece: str) -> None:
            self._send(m.Piece(request.id, piece, part))

        answer = engine.answer(
            Conversation.from_messages(request.messages),
            mode,
            sampling,
            template_of(self._adapter, options.template),
            on_piece=on_piece,
            stop=stop,
        )
        return m.Answered(
            request.id,
            mode,
            answer.text,
            len(answer.tokens),
            answer.prompt_tokens,
            answer.cached_tokens,
            answer.prompt_tps,
            answer.generation_tps,
            answer.memory_bytes,
            answer.finish_reason,
            answer.first_token_seconds,
            answer.reasoning,
            answer.limit.tokens if answer.limit else 0,
            answer.drafted.tokens_per_pass if answer.drafted else 0.0,
            answer.drafted.speedup if answer.drafted else None,
        )
