"""The shadow drafts for its backbone: several tokens a pass, and the words of one at a time.

The shadow has computed what it thinks of the next token anyway: ``s⁰`` is the detached model's
hidden state. So it drafts some tokens by itself, and the attached model reads all of them in one
pass, with the states that drafting has left: the shadow runs once for each token in any case, and
there is one list of caches.

At each place the attached model chooses a token as it would without a draft, by the same sampler
and processors; a drafted token that is another one ends what is accepted. So the distribution of
the text is that of plain decoding, whatever was drafted (Leviathan et al. 2023, arXiv 2211.17192,
with drafts that are chosen without chance: then their rejection is just this comparison).

Greedy text is the same to the token but for ties: a pass over several tokens may round other than
passes over one do. Where the two likeliest tokens are closer than that, the place is computed again
by itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import mlx.core as mx
from mlx_lm.generate import GenerationResponse
from mlx_lm.models.cache import (
    CacheList,
    ConcatenateKVCache,
    KVCache,
    QuantizedKVCache,
    RotatingKVCache,
    trim_prompt_cache,
)

from shadow_mlx.generation.drafting import Pace
from shadow_mlx.shadow.attached import AttachedModel

Sampler = Callable[[mx.array], mx.array]
Processor = Callable[[mx.array, mx.array], mx.array]

PREFILL = 2048
"""Prompt tokens that are computed at once."""

GIVING_BACK = (KVCache, QuantizedKVCache, ConcatenateKVCache)
"""Kinds of caches that forget what they are told to, however much that is."""

NEAR = {mx.float32: 1e-5, mx.float16: 2e-3, mx.bfloat16: 1e-2}
"""What rounding may make of a logit, as a share of the largest one, by the backbone's dtype."""


@dataclass
class Drafted:
    """How drafting went.

    Attributes:
        tokens: Tokens that were generated.
        passes: Passes of the backbone for them.
        drafted: Tokens that were drafted.
        accepted: Those of them that were taken.
    """

    tokens: int = 0
    passes: int = 0
    drafted: int = 0
    accepted: int = 0

    @property
    def tokens_per_pass(self) -> float:
        """Tokens for each pass of the backbone; 1 without drafts."""
        return self.tokens / self.passes if self.passes else 0.0

    @property
    def acceptance(self) -> float:
        """Share of the drafted tokens that were taken."""
        return self.accepted / self.drafted if self.drafted else 0.0

    def figures(self) -> dict[str, float]:
        """All of it, ready for JSON."""
        return {**asdict(self), "per_pass": self.tokens_per_pass, "acceptance": self.acceptance}


@dataclass(frozen=True)
class Token:
    """One generated token, its log-probabilities ``[V]``, and whether it was drafted."""

    token: int
    logprobs: mx.array
    from_draft: bool


class Speculation:
    """Decoding of one answer with drafts.

    Args:
        model: The attached model.
        caches: Its flat list. Afterwards they hold exactly the prompt and the text.
        sampler: Chooses tokens of log-probabilities ``[n, V]``.
        processors: Change logits ``[1, V]``, given all tokens so far.
        greedy: Whether the sampler takes the likeliest token: near ties are then computed again.
        pace: Decides how many tokens are drafted, and learns from what became of them.

    Attributes:
        told: Counts.
    """

    def __init__(
        self,
        model: AttachedModel,
        caches: list[Any],
        sampler: Sampler,
        processors: Sequence[Processor] = (),
        *,
        greedy: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.model = model
        self.caches = caches
        self.told = Drafted()
        self._sampler = sampler
        self._processors = list(processors)
        self._near = NEAR[model.shadow.backbone.state_dtype] if greedy else 0.0
        self._pace = pace or Pace()
        self._shadow_caches = caches[model.backbone_caches :]
        self._history: list[int] = []
        self._surplus = 0  # tokens that the caches hold beyond what was taken
        self._unread: int | None = None  # the last token, where the caches do not hold it

    def generate(
        self,
        prompt: Sequence[int],
        max_tokens: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Generator[Token, None, None]:
        """The tokens of the answer, until the caller ends it or there are ``max_tokens``.

        Args:
            prompt: Token ids that the caches do not hold yet, at least one.
            max_tokens: How many at most.
            progress: Called with the prompt tokens that are computed and all that there are.
        """
        last, made = self._prefill(list(prompt), progress), 0
        try:
            while made < max_tokens:
                for token in self._round(last, max_tokens - made):
                    made, last = made + 1, token.token
                    yield token
                self._give_back()
        except GeneratorExit:
            self._finish()
            raise
        self._finish()

    def _prefill(self, prompt: list[int], progress: Callable[[int, int], None]) -> int:
        """Compute all of the prompt but its last token, which is returned."""
        self._history = prompt[:-1]
        done, total = 0, len(prompt)
        progress(done, total)
        while total - done > 1:
            count = min(PREFILL, total - done - 1)
            self.model.hidden(mx.array([prompt[done : done + count]]), self.caches)
            mx.eval([entry.state for entry in self.caches])
            done += count
            progress(done, total)
            mx.clear_cache()
        return prompt[-1]

    def _round(self, last: int, most: int) -> Generator[Token, None, None]:
        """The tokens of one pass: those that were drafted rightly, and the one behind them."""
        began = time.perf_counter()
        count = min(self._pace.next(), most - 1, self._room())
        drafts, states = self._draft(last, count)
        inputs = mx.concatenate([mx.array([[last]]), *drafts], axis=1)
        logits = self._logits(inputs, states)
        drafted: Any = inputs[0, 1:].tolist()
        tokens, logprobs = self._chosen([last, *drafted], logits)
        taken = _agreed(drafted, tokens)
        unsure = self._unsure(logprobs[: taken + 1], logits) if count else None
        if unsure is not None:
            taken = unsure
            tokens[taken], logprobs[taken] = self._again([last, *drafted], states, taken)
            count = taken
            self.told.passes += 1
        self._pace.learn(len(drafted), taken, time.perf_counter() - began)
        self.told.passes += 1
        self.told.drafted += len(drafted)
        self.told.accepted += taken
        for i in range(taken + 1):
            self.told.tokens += 1
            self._surplus = count - min(i + 1, taken)
            self._unread = tokens[i] if i == taken else None
            self._history.append(last if i == 0 else tokens[i - 1])
            yield Token(tokens[i], logprobs[i], from_draft=i < taken)

    def _draft(self, last: int, count: int) -> tuple[list[mx.array], mx.array]:
        """``count`` tokens ``[1, 1]``, and ``s⁰`` ``[1, 1 + count, D]`` of ``last`` and of them."""
        shadow, token = self.model.shadow.backbone, mx.array([[last]])
        drafts: list[mx.array] = []
        states = [shadow(token, self._shadow_caches)]
        for _ in range(count):
            token = mx.argmax(self.model.head(states[-1]), axis=-1)
            drafts.append(token)
            states.append(shadow(token, self._shadow_caches))
        return drafts, mx.concatenate(states, axis=1)

    def _logits(self, inputs: mx.array, states: mx.array) -> mx.array:
        """The attached model's logits ``[n, V]`` behind each of the inputs ``[1, n]``."""
        h, _ = self.model.hidden(inputs, self.caches, states)
        return self.model.head(h)[0]

    def _chosen(self, inputs: list[int], logits: mx.array) -> tuple[list[int], list[mx.array]]:
        """The token behind each input, and its log-probabilities ``[V]``.

        One place after the other: processors look at what stands before it, and a sampler may draw
        once for all rows that it is given (XTC does). Where a draft was wrong, what comes behind it
        is not looked at. The likeliest tokens alone can be had of all rows at once.
        """
        if self._near and not self._processors:
            logprobs = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
            likeliest: Any = self._sampler(logprobs).tolist()
            return likeliest, list(logprobs)
        chosen, rows, history = [], [], list(self._history)
        for token, row in zip(inputs, logits[:, None], strict=True):
            history.append(token)
            for processor in self._processors:
                row = processor(mx.array(history), row)
            row = row - mx.logsumexp(row, axis=-1, keepdims=True)
            chosen.append(self._sampler(row))
            rows.append(row[0])
        tokens: Any = mx.concatenate(chosen).tolist()
        return tokens, rows

    def _unsure(self, logprobs: Sequence[mx.array], logits: mx.array) -> int | None:
        """The first place whose two likeliest tokens are as near as rounding may bring them."""
        if not self._near:
            return None
        best = mx.topk(mx.stack(list(logprobs)).astype(mx.float32), 2, axis=-1)
        apart = mx.abs(best[:, 1] - best[:, 0])
        near: Any = (apart < self._near * mx.abs(logits).max()).tolist()
        return near.index(True) if True in near else None

    def _again(self, inputs: list[int], states: mx.array, place: int) -> tuple[int, mx.array]:
        """The choice behind ``inputs[place]``, computed of that token alone as without drafts."""
        trim_prompt_cache(self.caches[: self.model.backbone_caches], len(inputs) - place)
        trim_prompt_cache(self._shadow_caches, len(inputs) - place - 1)
        here = slice(place, place + 1)
        logits = self._logits(mx.array([inputs[here]]), states[:, here])
        history, self._history = self._history, [*self._history, *inputs[:place]]
        tokens, logprobs = self._chosen(inputs[here], logits)
        self._history = history
        return tokens[0], logprobs[0]

    def _room(self) -> int:
        """Tokens that can be drafted and taken back, the one before them beside."""
        return max(0, min(map(_takes_back, self.caches)) - 1)

    def _give_back(self) -> None:
        if self._surplus:
            trim_prompt_cache(self.caches, self._surplus)
        self._surplus = 0

    def _finish(self) -> None:
        """Leave the caches with what was said, the last token too, as plain decoding does."""
        self._give_back()
        if self._unread is not None:
            self.model.hidden(mx.array([[self._unread]]), self.caches)
            mx.eval([entry.state for entry in self.caches])
            self._unread = None


def _takes_back(entry: Any) -> int:
    """Tokens that may be put into a cache and be taken out again, as if they had not been there.

    A cache that says it can be trimmed may have let go of what is needed then (those of Llama 4 do
    at the end of a chunk), so that only the kinds that are known count.
    """
    if isinstance(entry, CacheList):
        return min(map(_takes_back, entry.caches))
    if type(entry) is RotatingKVCache:  # a full one takes nothing back
        return max(0, int(entry.max_size) - int(entry.offset) - 1)
    return sys.maxsize if type(entry) in GIVING_BACK else 0


def _agreed(drafted: Sequence[int], chosen: Sequence[int]) -> int:
    """How many of the drafted tokens are those that were chosen; one more was chosen."""
    pairs = zip(drafted, chosen[:-1], strict=True)
    return next((i for i, (one, other) in enumerate(pairs) if one != other), len(drafted))


def drafted_stream(
    speculation: Speculation,
    tokenizer: Any,
    prompt: Sequence[int],
    max_tokens: int,
    *,
    prompt_progress_callback: Callable[[int, int], None] = lambda done, total: None,
) -> Generator[GenerationResponse, None, None]:
    """What :func:`mlx_lm.generate.stream_generate` gives, from tokens that may be drafted.

    That function takes a draft model with caches of its own, and no other loop.
    """
    detokenizer = tokenizer.detokenizer
    detokenizer.reset()
    began, prompt_tps, number = time.perf_counter(), 0.0, 0
    tokens = speculation.generate(prompt, max_tokens, prompt_progress_callback)
    with closing(tokens):
        for number, one in enumerate(tokens, start=1):
            if number == 1:
                prompt_tps = len(prompt) / (time.perf_counter() - began)
                began = time.perf_counter()
            ended = one.token in tokenizer.eos_token_ids
            if not ended:
                detokenizer.add_token(one.token)
            last = ended or number == max_tokens
            if last:
                detokenizer.finalize()
            yield GenerationResponse(
                text=detokenizer.last_segment,
                token=one.token,
                logprobs=one.logprobs,
                from_draft=one.from_draft,
                prompt_tokens=len(prompt),
                prompt_tps=prompt_tps,
                generation_tokens=number,
                generation_tps=number / max(time.perf_counter() - began, 1e-9),
                peak_memory=mx.get_peak_memory() / 1e9,
                finish_reason=("stop" if ended else "length") if last else None,
            )
            if last:
                return
