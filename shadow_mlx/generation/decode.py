"""Decoding with mlx-lm's engine, and what it took.

The models are mlx-lm's, an attached or a detached one; all are called the same way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import mlx.core as mx
from jaxtyping import Float, Integer
from mlx.utils import tree_flatten
from mlx_lm.generate import GenerationResponse, stream_generate
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.sample_utils import greedy_sampler, make_logits_processors, make_sampler

from shadow_mlx.backbones.positions import PositionLimit
from shadow_mlx.config import SamplingConfig
from shadow_mlx.errors import InputError, Interrupted
from shadow_mlx.generation.drafted import Drafted
from shadow_mlx.generation.drafted_stream import drafted_stream
from shadow_mlx.generation.speculation import Habits, Speculation
from shadow_mlx.kernels import broken_off
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.runs.events import StopToken
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.reach import positions_of

Sampler = Callable[[Float[mx.array, "batch vocabulary"]], Integer[mx.array, " batch"]]
"""Takes log probabilities, gives tokens."""
Processor = Callable[[Integer[mx.array, " context"], Float[mx.array, "1 vocabulary"]], mx.array]
"""Takes all tokens so far and logits, gives logits."""
FinishReason = Literal["stop", "length", "interrupted"]
OnText = Callable[[str], None]
Stream = Callable[..., Generator[GenerationResponse, None, None]]
"""Takes tokenizer, prompt and the longest answer; the rest is its own."""


@dataclass(frozen=True)
class Answer:
    """One generated text and its cost.

    Attributes:
        text: The answer, as decoded; without its ``reasoning`` where that was taken out.
        tokens: Its token ids, the end-of-turn token included.
        prompt_tokens: Prompt tokens that were computed (not those that a cache held already).
        cached_tokens: Prompt tokens that a cache held already.
        prompt_tps: Prompt tokens a second.
        generation_tps: Generated tokens a second.
        memory_bytes: What this model needs by itself: its weights, its cache, and the most that
            computing took beside them.
        limit: The model's positions, where its configuration tells of them.
        finish_reason: ``stop`` (the model ended its turn), ``length`` or ``interrupted``.
        reasoning: What the model thought before its answer.
        first_token_seconds: From the question to the first of its text; 0 without any.
        in_cache: Whether the caches hold exactly the prompt and the answer.
        drafted: How drafting went, where the shadow drafted.
    """

    text: str
    tokens: tuple[int, ...]
    prompt_tokens: int
    cached_tokens: int
    prompt_tps: float
    generation_tps: float
    memory_bytes: int
    finish_reason: FinishReason
    reasoning: str = ""
    limit: PositionLimit | None = None
    first_token_seconds: float = 0.0
    in_cache: bool = True
    drafted: Drafted | None = None

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together."""
        return self.cached_tokens + self.prompt_tokens + len(self.tokens)

    @property
    def beyond(self) -> bool:
        """Whether the conversation has come to the end of the model's positions."""
        return self.limit is not None and self.context_tokens >= self.limit.tokens


def decode(
    model: Any,
    tokenizer: Any,
    prompt: Sequence[int],
    sampling: SamplingConfig,
    *,
    cache: list[Any] | None = None,
    cached_tokens: int = 0,
    on_text: OnText = lambda text: None,
    stop: StopToken | None = None,
    constraint: Processor | None = None,
    before: Sequence[int] = (),
    habits: Habits | None = None,
    team: Team | None = None,
) -> Answer:
    """Generate an answer to ``prompt``; asked to stop, it ends early and keeps what there is.

    Args:
        model: Anything with mlx-lm's call surface.
        tokenizer: As mlx-lm loads it.
        prompt: Token ids, at least one; with a ``cache``, those that it does not hold yet.
        sampling: How tokens are chosen, and how many.
        cache: The caches to go on with; fresh ones by default.
        cached_tokens: How many prompt tokens ``cache`` holds.
        on_text: Called with each piece of text as it comes.
        stop: Looked at between tokens, and between the stretches of a long prompt.
        constraint: Takes the tokens of ``prompt`` and of the answer, and logits ``[1, V]``; gives
            the logits of what may come. Nothing is drafted then: it follows one text alone.
        before: The prompt tokens that ``cache`` holds, where they are known: drafts are looked up
            there, too.
        habits: What earlier drafts of this model have taught.
        team: The processes that the model is split over: all of them decode the same.

    Raises:
        InputError: The model has fewer positions than the prompt has tokens.
    """
    team = team or alone()
    stop = team.stop(stop)
    limit = positions_of(model)
    max_tokens = _room(limit, cached_tokens + len(prompt), sampling.max_tokens)
    cache = cache if cache is not None else new_cache(model, sampling.max_kv_size)
    own_bytes = weight_bytes(model) + sum(entry.nbytes for entry in cache)
    mx.reset_peak_memory()
    resting = mx.get_active_memory()
    texts: list[str] = []
    tokens: list[int] = []
    prompt_tps = generation_tps = first_token_seconds = 0.0
    reason: FinishReason = "interrupted"
    began = time.monotonic()
    sampler = shared(_sampler(sampling, tokenizer), team)
    processors = make_logits_processors(repetition_penalty=sampling.repetition_penalty)
    if constraint is not None:
        processors.append(constraint)
    plain = {"sampler": sampler, "logits_processors": processors, "prompt_cache": cache}
    speculation, stream = None, partial(stream_generate, model, **plain)
    if sampling.draft and constraint is None and isinstance(model, AttachedModel):
        speculation = Speculation(
            model,
            cache,
            sampler,
            processors,
            greedy=sampling.temp == 0,
            habits=habits,
            before=before,
            team=team,
        )
        stream = partial(drafted_stream, speculation)
    responses = _until_stopped(stop, stream, tokenizer, list(prompt), max_tokens=max_tokens)
    cut_in_computing = False
    try:
        for response in responses:
            texts.append(response.text)
            tokens.append(response.token)
            prompt_tps, generation_tps = response.prompt_tps, response.generation_tps
            reason = response.finish_reason or reason
            if response.text:
                first_token_seconds = first_token_seconds or time.monotonic() - began
                on_text(response.text)
    except RuntimeError as error:
        if not broken_off(error, lambda: stop.stopping):
            raise
        cut_in_computing = True
    return Answer(
        text="".join(texts),
        tokens=tuple(tokens),
        prompt_tokens=len(prompt),
        cached_tokens=cached_tokens,
        prompt_tps=prompt_tps,
        generation_tps=generation_tps,
        memory_bytes=own_bytes + max(0, mx.get_peak_memory() - resting),
        finish_reason=reason,
        limit=limit,
        first_token_seconds=first_token_seconds,
        # stopped before the first token, the caches hold an unknown part of the prompt
        in_cache=bool(tokens) and not cut_in_computing,
        drafted=speculation.told if speculation else None,
    )


def _until_stopped(
    stop: StopToken, stream: Stream, *args: Any, **kwargs: Any
) -> Iterator[GenerationResponse]:
    """A stream's responses; the caches hold exactly what came by then."""

    def look(*_: int) -> None:
        if stop.stopping:
            raise Interrupted("stopped")

    try:
        with closing(stream(*args, prompt_progress_callback=look, **kwargs)) as responses:
            for response in responses:
                yield response
                look()
    except Interrupted:
        return


def _room(limit: PositionLimit | None, context: int, wanted: int) -> int:
    room = wanted if limit is None else limit.room(context, wanted)
    if room < 1:
        raise InputError(
            f"the prompt has {context:,} tokens, and {limit}: begin a new conversation, or give "
            "less text"
        )
    return room


def answer_greedily(
    model: Any,
    tokenizer: Any,
    prompt: Sequence[int],
    max_tokens: int,
    abandoned: Callable[[], bool] = lambda: False,
    team: Team | None = None,
) -> str | None:
    """The greedy answer's text, with ``…`` at its end where ``max_tokens`` cut it off.

    For an answer in the middle of other work: it draws no random number, and unlike
    :func:`decode` it leaves the memory counters alone.

    Args:
        model: Anything with mlx-lm's call surface.
        tokenizer: As mlx-lm loads it.
        prompt: Token ids, at least one.
        max_tokens: Longest answer.
        abandoned: Asked after each token whether to give up (``None`` is returned then).
        team: The processes that the model is split over.

    Raises:
        InputError: The model has fewer positions than the prompt has tokens.
    """
    max_tokens = _room(positions_of(model), len(prompt), max_tokens)
    text = ""
    for response in stream_generate(
        model,
        tokenizer,
        list(prompt),
        max_tokens=max_tokens,
        prompt_cache=new_cache(model),
        sampler=shared(greedy_sampler, team or alone()),
    ):
        if abandoned():
            return None
        text += response.text
        if response.finish_reason == "length":
            text += "…"
    return text


def shared(sampler: Sampler, team: Team) -> Sampler:
    """The sampler; of a split model, the first process's choice for all of them."""
    return (lambda logprobs: team.same(sampler(logprobs))) if team.splits else sampler


def new_cache(model: Any, max_kv_size: int | None = None) -> list[Any]:
    """Fresh caches of any of the three kinds of model, as one flat list."""
    if isinstance(model, AttachedModel | DetachedModel):
        return model.make_cache(max_kv_size)
    caches: list[Any] = make_prompt_cache(model, max_kv_size)
    return caches


def weight_bytes(model: Any) -> int:
    """Bytes of a model's weights, an array that stands in two places counted once."""
    arrays = {id(array): array for _, array in tree_flatten(model.parameters())}
    packed = model.packed_bytes if isinstance(model, AttachedModel) else 0
    return packed + sum(array.nbytes for array in arrays.values())


def seed_sampling(sampling: SamplingConfig) -> None:
    """Make sampled text repeatable, when the options name a seed."""
    if sampling.seed is not None:
        mx.random.seed(sampling.seed)


def _sampler(sampling: SamplingConfig, tokenizer: Any) -> Sampler:
    sampler: Sampler = make_sampler(
        sampling.temp,
        sampling.top_p,
        sampling.min_p,
        top_k=sampling.top_k,
        xtc_probability=sampling.xtc_probability,
        xtc_threshold=sampling.xtc_threshold,
        xtc_special_tokens=[
            *tokenizer.encode("\n", add_special_tokens=False),
            *tokenizer.eos_token_ids,
        ],
    )
    return sampler
