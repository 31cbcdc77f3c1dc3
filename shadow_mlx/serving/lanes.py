"""How answers are computed: many of one model together, or one by itself.

A lane takes a job's prompt, and gives a token at a time until the answer ends. The thread that
computes goes from lane to lane, a step in each.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

import mlx.core as mx
from jaxtyping import Float
from mlx_lm.generate import BatchGenerator, GenerationResponse, StopSequences, stream_generate

from shadow_mlx.generation.drafted import Drafted
from shadow_mlx.generation.drafted_stream import drafted_stream
from shadow_mlx.generation.speculation import Habits, Speculation
from shadow_mlx.serving.mixed import MixedModel
from shadow_mlx.serving.sampling import Processor, Sampler
from shadow_mlx.shadow.attached import AttachedModel

Kept = tuple[list[int], list[Any]]
"""Caches, and the tokens that they hold."""

STRETCH = 512
"""Tokens of a prompt between two looks at the other answers."""


@dataclass(frozen=True)
class Order:
    """What a lane needs to know of an answer.

    Attributes:
        prompt: Token ids.
        held: How many of them the caches hold; fewer than all.
        caches: The flat list to go on with.
        max_tokens: Longest answer.
        sampler: Chooses tokens.
        adapter: Whose answer it is, where a lane has several; ``""``: the backbone's.
        processors: Given how many tokens of the context they will not see, what changes logits.
    """

    prompt: tuple[int, ...]
    held: int
    caches: list[Any]
    max_tokens: int
    sampler: Sampler
    processors: Callable[[int], list[Processor]]
    adapter: str = ""


@dataclass(frozen=True)
class Token:
    """One more token of an answer; at its end with the reason, and what to keep."""

    order: int
    token: int
    logprobs: Float[mx.array, " vocabulary"]
    reason: Literal["stop", "length"] | None = None
    kept: Kept | None = None
    drafted: Drafted | None = None


class Lane(Protocol):
    """Computes answers of one model."""

    def __len__(self) -> int:
        """How many answers are computed."""

    def add(self, number: int, order: Order) -> None:
        """Begin an answer; ``number`` is what its tokens are called by."""

    def step(self) -> Sequence[Token]:
        """Compute a little further: a token of each answer, or a stretch of prompts."""

    def remove(self, number: int) -> Kept | None:
        """Leave an answer as it is; gives what may be used of it."""

    def close(self) -> None:
        """Let go of everything."""


def can_batch(caches: Sequence[Any]) -> bool:
    """Whether answers with such caches can be computed together.

    A window that keeps its first tokens (``--max-kv-size``) would lose them in mlx-lm's batches.
    """
    return all(hasattr(entry, "merge") and not getattr(entry, "keep", 0) for entry in caches)


class BatchLane:
    """mlx-lm's continuous batching: answers come and go while the others are computed.

    Args:
        model: Anything with mlx-lm's call surface.
        ends: Tokens that end an answer.
        most: Answers that are computed together.
    """

    def __init__(self, model: Any, ends: Sequence[int], most: int) -> None:
        self._generator = BatchGenerator(
            model,
            completion_batch_size=most,
            prefill_batch_size=min(8, most),
            prefill_step_size=STRETCH,
        )
        self._ends = StopSequences([(token,) for token in ends])
        self._numbers: dict[int, int] = {}  # by the generator's own

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, order: Order) -> None:
        """See :class:`Lane`."""
        (own,) = self._generator.insert(
            [list(order.prompt[order.held :])],
            [order.max_tokens],
            caches=[self._taken_in(order)],
            all_tokens=[list(order.prompt[: order.held])],
            samplers=[order.sampler],
            logits_processors=[order.processors(0)],
            stop_sequences=[self._ends],
        )
        self._numbers[own] = number

    def step(self) -> list[Token]:
        """See :class:`Lane`."""
        found = []
        for response in self._generator.next()[1]:
            reason, kept = response.finish_reason, None
            if reason is not None:
                kept = (list(response.all_tokens), self._given_out(response.prompt_cache))
            number = self._numbers[response.uid]
            found.append(Token(number, response.token, response.logprobs, reason, kept))
            if reason is not None:
                del self._numbers[response.uid]
        return found

    def remove(self, number: int) -> Kept | None:
        """See :class:`Lane`."""
        own = next((own for own, one in self._numbers.items() if one == number), None)
        if own is None:
            return None
        del self._numbers[own]
        caches, tokens = self._generator.remove([own], return_prompt_caches=True).get(own, ([], []))
        return (list(tokens), self._given_out(caches)) if tokens else None

    def _taken_in(self, order: Order) -> list[Any]:
        """An order's caches, as this lane's model takes them."""
        return order.caches

    def _given_out(self, caches: list[Any]) -> list[Any]:
        """The caches of one row, as its model alone takes them."""
        return caches

    def close(self) -> None:
        """See :class:`Lane`."""
        self._generator.close()


class MixedLane(BatchLane):
    """As :class:`BatchLane`, of all adapters and of the backbone at once.

    Args:
        model: The backbone with all shadows.
        ends: Tokens that end an answer.
        most: Answers that are computed together.
    """

    def __init__(self, model: MixedModel, ends: Sequence[int], most: int) -> None:
        super().__init__(model, ends, most)
        self.model = model

    def _taken_in(self, order: Order) -> list[Any]:
        return self.model.mixed(order.adapter, order.caches)

    def _given_out(self, caches: list[Any]) -> list[Any]:
        return self.model.unmixed(caches)


class SingleLane:
    """One answer by itself: with drafts, or of a model whose caches stand for one row alone.

    Args:
        model: Anything with mlx-lm's call surface.
        tokenizer: As mlx-lm loads it.
        greedy: Whether the sampler takes the likeliest token.
        habits: What earlier drafts of the model have taught; without them nothing is drafted.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, greedy: bool, habits: Habits | None = None
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._habits = habits
        self._greedy = greedy
        self._order: Order | None = None
        self._number = 0
        self._stream: Generator[GenerationResponse, None, None] | None = None
        self._tokens: list[int] = []
        self._told: Drafted | None = None

    def __len__(self) -> int:
        return int(self._stream is not None)

    def add(self, number: int, order: Order) -> None:
        """See :class:`Lane`. For one answer."""
        processors = order.processors(order.held)
        if self._habits is not None:
            assert isinstance(self._model, AttachedModel)
            speculation = Speculation(
                self._model,
                order.caches,
                order.sampler,
                processors,
                greedy=self._greedy,
                habits=self._habits,
                before=order.prompt[: order.held],
            )
            self._told = speculation.told
            stream = partial(drafted_stream, speculation)
        else:
            stream = partial(
                stream_generate,
                self._model,
                sampler=order.sampler,
                logits_processors=processors,
                prompt_cache=order.caches,
                prefill_step_size=STRETCH,
            )
        self._order, self._number = order, number
        self._stream = stream(
            self._tokenizer, list(order.prompt[order.held :]), max_tokens=order.max_tokens
        )

    def step(self) -> list[Token]:
        """See :class:`Lane`."""
        if self._stream is None:
            return []
        response = next(self._stream)
        self._tokens.append(response.token)
        reason = response.finish_reason
        kept = None if reason is None else self._end()
        return [Token(self._number, response.token, response.logprobs, reason, kept, self._told)]

    def remove(self, number: int) -> Kept | None:
        """See :class:`Lane`."""
        return self._end()

    def close(self) -> None:
        """See :class:`Lane`."""
        self._end()

    def _end(self) -> Kept | None:
        """Close the stream, whose caches then hold exactly the prompt and what came."""
        stream, self._stream = self._stream, None
        if stream is None or self._order is None:
            return None
        stream.close()
        if not self._tokens:
            return None
        return [*self._order.prompt, *self._tokens], self._order.caches
