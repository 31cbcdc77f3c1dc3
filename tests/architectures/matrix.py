"""What the tests of the matrix share: tiny models of a family, and ways to run them.

Every comparison is made in float32. Two ways through the same network (in one pass, token by token
from a cache, in a batch) sum in another order; over all families they were seen up to 6e-6 of the
largest logit apart. A mask, an offset or a state that is off by one shows as 1e-2 or more.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.generate import BatchGenerator
from mlx_lm.models.cache import CacheList, make_prompt_cache
from mlx_lm.utils import _get_classes

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.network import seeded
from tests.architectures.families import FAMILIES, VOCABULARY, Family

TOLERANCE = 3e-5  # of the largest absolute value compared
LENGTH = 20  # tokens; more than three times the sliding windows
BY_NAME = {family.name: family for family in FAMILIES}


@dataclass(frozen=True)
class Prepared:
    """One family's backbone with a shadow that is not a no-op, and what it said before that."""

    backbone: nn.Module
    attached: AttachedModel
    detached: DetachedModel
    base_logits: mx.array
    untrained_logits: mx.array


def build(config: dict[str, Any]) -> nn.Module:
    """A random model of the configuration, the same at every call, in evaluation mode.

    Every floating tensor is moved off its start, so that a norm, a bias, a sink or a router that
    is left out anywhere shows.
    """
    model_class, args_class = _get_classes(config)
    with seeded(0):
        model: nn.Module = model_class(args_class.from_dict(copy.deepcopy(config)))
    perturb(model, seed=1, scale=0.1)
    model.eval()
    return model


def perturb(module: nn.Module, *, seed: int, scale: float) -> None:
    """Add noise to every floating tensor of the module."""
    named = tree_flatten(module.parameters())
    keys = mx.random.split(mx.random.key(seed), len(named))
    moved = [
        (name, value + scale * mx.random.normal(value.shape, value.dtype, key=key))
        for (name, value), key in zip(named, keys, strict=True)
        if mx.issubdtype(value.dtype, mx.floating)
    ]
    module.update(tree_unflatten(moved))
    mx.eval(module.parameters())


def tokens(length: int, seed: int = 0, rows: int = 1) -> mx.array:
    """Random token ids ``[rows, length]``."""
    return mx.random.randint(0, VOCABULARY, (rows, length), key=mx.random.key(seed))


def attach_tiny(family: Family, backbone: nn.Module, **changes: Any) -> AttachedModel:
    """A shadow of rank 4 with two layers, unless told otherwise."""
    options = {"rank": 4, "shadow_layers": 2, **changes}
    return attach(backbone, family.config, ShadowConfig(**options), seed=5)


@functools.cache
def prepared(name: str) -> Prepared:
    """The family's models, built once in a test process. Tests leave them as they find them."""
    family = BY_NAME[name]
    backbone = build(family.config)
    base = logits_of(backbone, tokens(LENGTH))
    mx.eval(base)
    attached = attach_tiny(family, backbone)
    attached.eval()
    untrained = attached(tokens(LENGTH))
    mx.eval(untrained)
    perturb(attached.shadow, seed=2, scale=0.2)
    return Prepared(backbone, attached, attached.detached(), base, untrained)


def logits_of(backbone: nn.Module, inputs: mx.array) -> mx.array:
    """What a bare backbone says; with a cache where it is another function without one."""
    cache = make_prompt_cache(backbone) if find_decoder(backbone).shares_by_cache else None
    logits: mx.array = backbone(inputs, cache=cache)
    return logits


def kinds_of_cache(model: nn.Module) -> frozenset[str]:
    """The types of the model's caches, and of those inside of them."""

    def kind(cache: Any) -> str:
        inside = cache.caches if isinstance(cache, CacheList) else ()
        return " ".join([type(cache).__name__, *map(kind, inside)])

    return frozenset(map(kind, make_prompt_cache(model)))


def difference(found: mx.array, expected: mx.array) -> float:
    """The largest difference, relative to the largest expected value."""
    assert found.shape == expected.shape
    return float((mx.abs(found - expected).max() / mx.abs(expected).max()).item())


def in_chunks(
    model: nn.Module, inputs: mx.array, chunks: Sequence[int], cache: list[Any] | None = None
) -> mx.array:
    """Logits of ``inputs``, given to the model chunk by chunk with one cache."""
    assert sum(chunks) == inputs.shape[1]
    cache = make_prompt_cache(model) if cache is None else cache
    logits, start = [], 0
    for length in chunks:
        logits.append(model(inputs[:, start : start + length], cache=cache))
        mx.eval(logits[-1], [c.state for c in cache])
        start += length
    return mx.concatenate(logits, axis=1)


def greedy_alone(model: nn.Module, prompt: list[int], steps: int) -> list[tuple[int, mx.array]]:
    """Greedy tokens of one prompt, each with its log-probabilities ``[V]``."""
    cache = make_prompt_cache(model)
    inputs, chosen = mx.array([prompt]), []
    for _ in range(steps):
        logits = model(inputs, cache=cache)[0, -1]
        logprobs = logits - mx.logsumexp(logits)
        token = int(mx.argmax(logprobs).item())
        chosen.append((token, logprobs))
        inputs = mx.array([[token]])
    return chosen


def greedy_batch(
    model: nn.Module, prompts: list[list[int]], steps: int
) -> list[list[tuple[int, mx.array]]]:
    """The same for several prompts at once, by mlx-lm's own BatchGenerator."""
    generator = BatchGenerator(model, max_tokens=steps)
    uids = generator.insert(prompts)
    chosen: dict[int, list[tuple[int, mx.array]]] = {uid: [] for uid in uids}
    while responses := generator.next_generated():
        for response in responses:
            chosen[response.uid].append((response.token, response.logprobs))
    return [chosen[uid] for uid in uids]
