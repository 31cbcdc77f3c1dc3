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

Drafts may also be what followed the last words before (:mod:`.lookup`): then the shadow reads them
in one pass, too. Which of the two drafts, how much, and whether anything is drafted at all, is
decided by what it gave and took (:mod:`.drafting`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import (
    CacheList,
    ConcatenateKVCache,
    KVCache,
    QuantizedKVCache,
    RotatingKVCache,
    trim_prompt_cache,
)

from shadow_mlx.generation.draft_head import DraftHead
from shadow_mlx.generation.drafted import Drafted, Token
from shadow_mlx.generation.drafting import MOST, SOURCES, Pace, Plan
from shadow_mlx.generation.lookup import Lookup
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.shadow.attached import AttachedModel

Sampler = Callable[[mx.array], mx.array]
Processor = Callable[[mx.array, mx.array], mx.array]

PREFILL = 2048
"""Prompt tokens that are computed at once."""

CLEARED = 256
"""Tokens after which buffers that are not used go back to the system, as in mlx-lm's loop."""

GIVING_BACK = (KVCache, QuantizedKVCache, ConcatenateKVCache)
"""Kinds of caches that forget what they are told to, however much that is."""

NEAR = {mx.float32: 1e-5, mx.float16: 2e-3, mx.bfloat16: 1e-2}
"""What rounding may make of a logit, as a share of the largest one, by the backbone's dtype."""


@dataclass
class Habits:
    """What one answer teaches for the next: of this model, on this machine.

    Attributes:
        head: Chooses the shadow's drafts.
        pace: Decides what is drafted.
    """

    head: DraftHead
    pace: Pace = field(default_factory=Pace)


class Speculation:
    """Decoding of one answer with drafts.

    Args:
        model: The attached model.
        caches: Its flat list. Afterwards they hold exactly the prompt and the text.
        sampler: Chooses tokens of log-probabilities ``[n, V]``.
        processors: Change logits ``[1, V]``, given all tokens so far.
        greedy: Whether the sampler takes the likeliest token: near ties are then computed again.
        habits: What earlier answers of the model have taught; it learns more.
        before: Tokens that the caches hold already: drafts are looked up there, too.
        team: The processes that the backbone is split over. What depends on clocks and on rounding
            is the first one's to say, so that all of them go the same way.

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
        habits: Habits | None = None,
        before: Sequence[int] = (),
        team: Team | None = None,
    ) -> None:
        self.model = model
        self.caches = caches
        self.told = Drafted()
        self._sampler = sampler
        self._processors = list(processors)
        self._near = NEAR[model.shadow.backbone.state_dtype] if greedy else 0.0
        self._habits = habits or Habits(DraftHead(model))
        self._team = team or alone()
        self._lookup = Lookup(before)
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
        self._lookup.extend(prompt)
        self._habits.head.read(prompt)
        last, began = self._prefill(list(prompt), progress), time.perf_counter()
        try:
            while self.told.tokens < max_tokens:
                for token in self._stretch(last, max_tokens - self.told.tokens):
                    last = token.token
                    self._lookup.extend([last])
                    self._habits.head.wrote(last)
                    self._tell(time.perf_counter() - began)
                    if self.told.tokens == 1:
                        progress(len(prompt), len(prompt))
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

    def _stretch(self, last: int, most: int) -> Generator[Token, None, None]:
        """The tokens of one pass with drafts, or of some without: what is best now."""
        room = min(self._room(), most - 1)
        if not room:
            return self._plainly(last, most)
        offered = self._lookup.offer(MOST)
        plan = self._planned(len(offered))
        if plan.source is None:
            return self._plainly(last, min(plan.count, most))
        drafts = min(plan.count, room)
        plan = Plan(plan.source, drafts)
        return self._round(last, plan, offered[:drafts] if plan.source == "lookup" else None)

    def _planned(self, offered: int) -> Plan:
        plan = self._habits.pace.next(offered)
        source, count = self._team.numbers([SOURCES.index(plan.source), plan.count])
        return Plan(SOURCES[source], count)

    def _plainly(self, last: int, count: int) -> Generator[Token, None, None]:
        """``count`` tokens one at a time, each computed while the one before it is looked at.

        Fewer, where what was said has been said before, and looking back pays.
        """
        began, made, left = time.perf_counter(), 0, count
        chosen = self._next(mx.array([[last]]), last)
        self._history.append(last)
        while left:
            left -= 1
            token, logprobs = chosen
            if left:
                chosen = self._next(token[None], token)
            found: Any = token.item()
            made += 1
            self._unread = None if left else found
            self.told.passes += 1
            yield Token(found, logprobs, from_draft=False)
            if left:
                self._history.append(found)
                if left > 1 and self._looking_pays():
                    left = 1
        self._habits.pace.learn(Plan(None, made), 0, time.perf_counter() - began)

    def _looking_pays(self) -> bool:
        offered = len(self._lookup.offer(MOST))
        if not offered or not self._room():
            return False
        (pays,) = self._team.numbers([self._habits.pace.looking_pays(offered)])
        return bool(pays)

    def _next(self, token: mx.array, last: mx.array | int) -> tuple[mx.array, mx.array]:
        """The token ``[1]`` behind ``token`` ``[1, 1]``, on its way, and its log-probabilities."""
        h, _ = self.model.hidden(token, self.caches)
        row = self.model.head(h)[0]
        if self._processors:
            ends = mx.array([last]) if isinstance(last, int) else last
            history = mx.concatenate([mx.array(self._history, dtype=mx.int32), ends])
            for processor in self._processors:
                row = processor(history, row)
        row = row - mx.logsumexp(row, axis=-1, keepdims=True)
        chosen = self._sampler(row)
        mx.async_eval(chosen, row)  # type: ignore[no-untyped-call]  # its stub has no types
        return chosen, row[0]

    def _tell(self, seconds: float) -> None:
        """Count a token that came after so many seconds."""
        self.told.tokens += 1
        self.told.seconds = seconds
        plain = self._habits.pace.plain_seconds
        self.told.plain_seconds = None if plain is None else plain * self.told.tokens
        if self.told.tokens % CLEARED == 0:
            mx.clear_cache()

    def _round(
        self, last: int, plan: Plan, found: Sequence[int] | None
    ) -> Generator[Token, None, None]:
        """The tokens of one pass: those that were drafted rightly, and the one behind them."""
        began, count = time.perf_counter(), plan.count
        inputs, states = self._draft(last, count) if found is None else self._read([last, *found])
        logits = self._logits(inputs, states)
        drafted: Any = inputs[0, 1:].tolist()
        tokens, logprobs = self._chosen([last, *drafted], logits)
        taken = _agreed(drafted, tokens)
        unsure = self._unsure(logprobs[: taken + 1], logits)
        if unsure is not None:
            taken = unsure
            tokens[taken], logprobs[taken] = self._again([last, *drafted], states, taken)
            count = taken
            self.told.passes += 1
        self.told.passes += 1
        self.told.drafted += len(drafted)
        self.told.accepted += taken
        self.told.looked_up += 0 if found is None else taken
        for i in range(taken + 1):
            self._surplus = count - min(i + 1, taken)
            self._unread = tokens[i] if i == taken else None
            self._history.append(last if i == 0 else tokens[i - 1])
            yield Token(tokens[i], logprobs[i], from_draft=i < taken)
        self._habits.pace.learn(plan, taken, time.perf_counter() - began)

    def _draft(self, last: int, count: int) -> tuple[mx.array, mx.array]:
        """``last`` and so many drafts, ``n`` tokens ``[1, n]``, and their ``s⁰`` ``[1, n, D]``."""
        shadow, token = self.model.shadow.backbone, mx.array([[last]])
        tokens, states = [token], [shadow(token, self._shadow_caches)]
        for _ in range(count):
            token = self._team.same(self._habits.head.likeliest(states[-1])).astype(token.dtype)
            tokens.append(token)
            states.append(shadow(token, self._shadow_caches))
        return mx.concatenate(tokens, axis=1), mx.concatenate(states, axis=1)

    def _read(self, tokens: Sequence[int]) -> tuple[mx.array, mx.array]:
        """Tokens that are known already as ``[1, n]``, and their ``s⁰`` ``[1, n, D]``."""
        inputs = mx.array([tokens])
        return inputs, self.model.shadow.backbone(inputs, self._shadow_caches)

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
        (place,) = self._team.numbers([near.index(True) if True in near else -1])
        return place if place >= 0 else None

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
