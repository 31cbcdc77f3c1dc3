"""Several prompts continued at once by sampling, for text that a model is trained on.

All rows are at the same position: what the shortest prompt leaves of the longer ones is read token
by token, while the others are written already. So no row is padded in front, any architecture's
caches serve, and what a row says does not depend on the rows beside it but for their random draws.

B rows · V vocabulary
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import mlx.core as mx
import numpy as np
from jaxtyping import Float, Integer

from shadow_mlx.generation.decode import new_cache
from shadow_mlx.kernels import uninterrupted

Ids = tuple[int, ...]


def sampled_continuations(
    model: Any,
    prompts: Sequence[Ids],
    longest: Sequence[int],
    *,
    temperature: float,
    vocabulary: int,
    stop: Collection[int],
    key: mx.array,
) -> list[Ids]:
    """What a model writes behind each prompt; the end token, where it comes to it, included.

    The global random state is neither read nor changed.

    Args:
        model: Anything with mlx-lm's call surface.
        prompts: Token ids, at least one each; at least one prompt.
        longest: Most tokens to write behind each, at least one.
        temperature: Of the sampling; at 0 the likeliest token is taken.
        vocabulary: Tokens that may be written: what a model pads its logits with may not.
        stop: Tokens that end what is written.
        key: Of the random draws.
    """
    begun = min(map(len, prompts))
    ends = [len(prompt) + most for prompt, most in zip(prompts, longest, strict=True)]
    steps = max(ends) - begun
    given = np.full((len(prompts), steps), -1, np.int32)  # -1: not given, but written
    for row, prompt in enumerate(prompts):
        given[row, : len(prompt) - begun] = prompt[begun:]
    to_read, keys = mx.array(given), mx.random.split(key, steps)
    caches = new_cache(model)
    if begun > 1:
        model(mx.array([prompt[: begun - 1] for prompt in prompts]), cache=caches)
    last = mx.array([prompt[begun - 1] for prompt in prompts])

    def following(last: Integer[mx.array, " batch"], step: int) -> Integer[mx.array, " batch"]:
        logits = model(last[:, None], cache=caches)[:, -1, :vocabulary]
        read = to_read[:, step]
        found = mx.where(read < 0, _drawn(logits, temperature, keys[step]), read)
        uninterrupted(partial(mx.async_eval, found))
        return found

    written: list[list[int]] = [[] for _ in prompts]
    open_rows = set(range(len(prompts)))
    coming = following(last, 0)
    for step in range(steps):
        here = coming
        if step + 1 < steps:  # the device goes on while this token is looked at
            coming = following(here, step + 1)
        tokens: Any = uninterrupted(here.tolist)
        for row in sorted(open_rows):
            if given[row, step] >= 0:
                continue
            written[row].append(tokens[row])
            if tokens[row] in stop or begun + step + 1 == ends[row]:
                open_rows.remove(row)
        if not open_rows:
            break
    return [tuple(ids) for ids in written]


def _drawn(
    logits: Float[mx.array, "batch vocabulary"], temperature: float, key: mx.array
) -> Integer[mx.array, " batch"]:
    wide = logits.astype(mx.float32)
    if temperature == 0:
        return mx.argmax(wide, axis=-1).astype(mx.int32)
    return mx.random.categorical(wide / temperature, key=key).astype(mx.int32)
