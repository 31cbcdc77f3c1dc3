"""How likely a model is to go on with each of some texts: their log-probabilities.

What all prompts begin with is computed once, then each prompt once; its caches are copied to a row
for each continuation. Copies, unlike trimming, serve a sliding window and a recurrent state, too:
rows are padded at their ends, and nothing that is scored sees what comes behind it.

B rows · T tokens of the longest row · V vocabulary
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import mlx.core as mx
import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float, Integer
from mlx.utils import tree_map
from mlx_lm.models import cache as mlx_caches
from mlx_lm.utils import common_prefix_len

from shadow_mlx.generation.decode import new_cache
from shadow_mlx.kernels import uninterrupted

Ids = tuple[int, ...]
Scores = npt.NDArray[np.float64]

POSITIONS = 512
"""Positions whose logits are in memory together; of 262,144 tokens they take half a gigabyte."""

STRETCH = 2048
"""Tokens of a prompt that are computed together, as in mlx-lm."""

COPIED = (
    mlx_caches.ArraysCache,
    mlx_caches.ChunkedKVCache,
    mlx_caches.ConcatenateKVCache,
    mlx_caches.KVCache,
    mlx_caches.RotatingKVCache,
)
"""Caches whose whole state are arrays of rows, and numbers that hold for all rows."""


def continuation_logprobs(
    model: Any,
    prompts: Sequence[Ids],
    continuations: Sequence[Sequence[Ids]],
    *,
    batch_size: int = 32,
    cached: bool = True,
) -> Iterator[Scores]:
    """For each prompt the log-probabilities of its continuations, each the sum over its tokens.

    A model whose caches cannot be copied computes each row with its prompt.

    Args:
        model: Anything with mlx-lm's call surface.
        prompts: Token ids, at least one each.
        continuations: For each prompt token ids that may follow it, at least one each.
        batch_size: Continuations that are computed together.
        cached: Whether caches are used where they can be.
    """
    if not cached or not all(map(_is_copied, new_cache(model))):
        for prompt, several in zip(prompts, continuations, strict=True):
            yield _in_full(model, prompt, several, batch_size)
        return
    lead = _common([prompt[:-1] for prompt in prompts])
    begun = new_cache(model)
    if lead:
        _read(model, begun, lead)
    for prompt, several in zip(prompts, continuations, strict=True):
        caches = _copied(begun, 1)
        logits = _read(model, caches, prompt[len(lead) :])
        yield _behind(model, caches, logits, several, batch_size)


def _behind(
    model: Any,
    caches: list[Any],
    logits: Float[mx.array, "1 vocabulary"],
    continuations: Sequence[Ids],
    batch_size: int,
) -> Scores:
    """The scores of what follows a prompt that ``caches`` hold and that gives ``logits``."""
    shared = _common([ids[:-1] for ids in continuations])
    start = 0.0
    if shared:  # it is a part of the prompt, and counts
        more = model(mx.array([shared]), cache=caches)
        known = mx.concatenate([logits[:, None], more[:, :-1]], axis=1)
        start = float(_summed(known, *_padded([shared])[1:])[0])
        logits = more[:, -1]
    scores = np.zeros(len(continuations))
    for chosen, rest in _batches([ids[len(shared) :] for ids in continuations], batch_size):
        inputs, targets, real = _padded(rest)
        known = mx.repeat(logits[:, None], len(rest), axis=0)
        if inputs.shape[1]:
            further = model(inputs, cache=_copied(caches, len(rest)))
            known = mx.concatenate([known, further], axis=1)
        scores[chosen] = start + _summed(known, targets, real)
    return scores


def _in_full(model: Any, prompt: Ids, continuations: Sequence[Ids], batch_size: int) -> Scores:
    """The scores without a cache: each row is the prompt and what follows it."""
    scores = np.zeros(len(continuations))
    for chosen, rest in _batches(continuations, batch_size, len(prompt)):
        inputs, targets, real = _padded(rest)
        before = mx.repeat(mx.array([prompt]), len(rest), axis=0)
        logits = model(mx.concatenate([before, inputs], axis=1))[:, len(prompt) - 1 :]
        scores[chosen] = _summed(logits, targets, real)
    return scores


def _read(model: Any, caches: list[Any], tokens: Ids) -> Float[mx.array, "1 vocabulary"]:
    """Put tokens into ``caches``, a stretch at a time; gives the logits behind the last one."""
    for start in range(0, len(tokens), STRETCH):
        logits = model(mx.array([tokens[start : start + STRETCH]]), cache=caches)[:, -1]
        states = [entry.state for entry in caches]
        uninterrupted(partial(mx.eval, states))
    return logits


def _is_copied(entry: Any) -> bool:
    if type(entry) is mlx_caches.CacheList:
        return all(map(_is_copied, entry.caches))
    return type(entry) in COPIED


def _copied(caches: list[Any], rows: int) -> list[Any]:
    """Caches of one row, each as new caches of several equal rows."""

    def repeated(value: Any) -> Any:
        return mx.repeat(value, rows, axis=0) if isinstance(value, mx.array) else value

    return [type(entry).from_state(tree_map(repeated, entry.state)) for entry in caches]


def _batches(
    continuations: Sequence[Ids], batch_size: int, before: int = 0
) -> Iterator[tuple[list[int], list[Ids]]]:
    """Continuations of about one length, with their places; ``before`` stands in front of each."""
    order = sorted(range(len(continuations)), key=lambda i: len(continuations[i]))
    batch: list[int] = []
    for i in order:
        width = before + len(continuations[i])
        if len(batch) == batch_size or (batch and (len(batch) + 1) * width > POSITIONS):
            yield batch, [continuations[k] for k in batch]
            batch = []
        batch.append(i)
    yield batch, [continuations[k] for k in batch]


def _padded(
    rows: Sequence[Ids],
) -> tuple[
    Integer[mx.array, "batch before"],
    Integer[mx.array, "batch length"],
    Bool[mx.array, "batch length"],
]:
    """What is read, what is scored, and where that is no padding; ``before`` is ``length`` - 1."""
    longest = max(map(len, rows))
    targets = mx.array([[*ids, *[0] * (longest - len(ids))] for ids in rows])
    real = mx.array([[i < len(ids) for i in range(longest)] for ids in rows])
    return targets[:, :-1], targets, real


def _picked(
    logits: Float[mx.array, "batch length vocabulary"], targets: Integer[mx.array, "batch length"]
) -> Float[mx.array, "batch length"]:
    """The log-probabilities of tokens, in float32."""
    wide = logits.astype(mx.float32)
    chosen = mx.take_along_axis(wide, targets[..., None], axis=-1)[..., 0]
    return chosen - mx.logsumexp(wide, axis=-1)


def _summed(
    logits: Float[mx.array, "batch length vocabulary"],
    targets: Integer[mx.array, "batch length"],
    real: Bool[mx.array, "batch length"],
) -> Scores:
    total = mx.where(real, _picked(logits, targets), 0.0).sum(axis=1)
    return np.array(uninterrupted(total.tolist), np.float64)


def _common(several: Sequence[Ids]) -> Ids:
    """What all of some ids begin with."""
    first, *others = several
    length = min([len(first), *(common_prefix_len(first, other) for other in others)])
    return first[:length]
