"""The log-probabilities of what may follow a prompt; ``tests/architectures`` has every family."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlx_lm.models.cache import KVCache

from shadow_mlx.generation import continuations
from shadow_mlx.generation.continuations import Ids, continuation_logprobs
from shadow_mlx.shadow.attached import AttachedModel

Tiny = tuple[AttachedModel, Any]
IDS = st.lists(st.integers(3, 200), min_size=1, max_size=6).map(tuple)


def alone(model: Any, prompt: Ids, answer: Ids) -> float:
    """By one pass over prompt and answer, without a cache and summed in float64."""
    logits = np.array(model(mx.array([prompt + answer]))[0].astype(mx.float32), np.float64)
    known = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    return sum(known[len(prompt) - 1 + i, token] for i, token in enumerate(answer))


def expected(model: Any, prompts: list[Ids], answers: list[Ids]) -> list[list[float]]:
    return [[alone(model, prompt, answer) for answer in answers] for prompt in prompts]


@settings(max_examples=20)
@given(
    lead=st.lists(st.integers(3, 200), max_size=4).map(tuple),
    begin=st.lists(st.integers(3, 200), max_size=3).map(tuple),
    prompts=st.lists(IDS, min_size=1, max_size=3),
    answers=st.lists(IDS, min_size=1, max_size=5),
    batch_size=st.integers(1, 6),
    cached=st.booleans(),
)
def test_any_prompts_and_answers(
    tiny_attached: Tiny,
    lead: Ids,
    begin: Ids,
    prompts: list[Ids],
    answers: list[Ids],
    batch_size: int,
    cached: bool,
) -> None:
    model = tiny_attached[0].detached()
    prompts, answers = [lead + one for one in prompts], [begin + one for one in answers]
    found = list(
        continuation_logprobs(
            model, prompts, [answers] * len(prompts), batch_size=batch_size, cached=cached
        )
    )
    assert np.allclose(found, expected(model, prompts, answers), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("mode", ["backbone", "attached", "detached"])
def test_every_mode(tiny_attached: Tiny, mode: str) -> None:
    attached = tiny_attached[0]
    modes = {"backbone": attached.backbone, "attached": attached, "detached": attached.detached()}
    prompts, answers = [(5, 6, 7), (5, 6, 9, 4)], [(8, 2), (8, 9, 10, 2), (30, 2)]
    found = list(continuation_logprobs(modes[mode], prompts, [answers] * 2))
    assert np.allclose(found, expected(modes[mode], prompts, answers), rtol=1e-5, atol=1e-4)


def test_long_prompts_are_read_in_stretches(
    tiny_attached: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuations, "STRETCH", 3)
    monkeypatch.setattr(continuations, "POSITIONS", 4)
    model = tiny_attached[0].detached()
    prompts, answers = [tuple(range(5, 16)), tuple(range(5, 13))], [(8, 2), (9, 10, 11, 2), (7,)]
    found = list(continuation_logprobs(model, prompts, [answers] * 2))
    assert np.allclose(found, expected(model, prompts, answers), rtol=1e-5, atol=1e-4)


class Counting:
    """A model that counts the tokens that it computes."""

    def __init__(self, model: Any, caches: list[Any] | None = None) -> None:
        self.model, self.caches, self.tokens = model, caches, 0

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        self.tokens += inputs.size
        return self.model(inputs, cache=cache)

    def make_cache(self) -> list[Any]:
        return self.model.make_cache() if self.caches is None else list(self.caches)


def test_what_is_shared_is_computed_once(tiny_attached: Tiny) -> None:
    model = Counting(tiny_attached[0].detached())
    prompts = [(*range(5, 55), 60, last) for last in (70, 71, 72)]
    answers = [(20, 21, 22, 30 + i, 2) for i in range(4)]
    found = list(continuation_logprobs(model, prompts, [answers] * 3))
    assert model.tokens == 51 + 3 * (1 + 3 + 4)  # lead; each its end, the answers' lead, the rest
    assert np.allclose(found, expected(model.model, prompts, answers), rtol=1e-5, atol=1e-4)


def test_caches_of_an_unknown_kind_are_not_copied(tiny_attached: Tiny) -> None:
    class OwnCache(KVCache):  # what its state leaves out is not known
        pass

    model = Counting(tiny_attached[0].detached(), [OwnCache()])
    prompts, answers = [(5, 6, 7), (5, 6, 9)], [(8, 2), (9, 10, 2)]
    found = list(continuation_logprobs(model, prompts, [answers] * 2))
    assert model.tokens == 2 * 2 * (3 + 2)  # rows as wide as the longest, each with its prompt
    assert np.allclose(found, expected(model.model, prompts, answers), rtol=1e-5, atol=1e-4)


def test_half_precision_is_summed_in_float32(tiny_attached: Tiny) -> None:
    def model(inputs: mx.array, cache: Any = None) -> mx.array:
        logits = mx.zeros((*inputs.shape, 1000), mx.bfloat16)
        return logits + mx.array(0.5, mx.bfloat16) * (mx.arange(1000) < 10)

    (found,) = continuation_logprobs(model, [(1,)], [[(5, 20, 5)]], cached=False)
    total = np.log(10 * np.exp(0.5) + 990)
    assert np.allclose(found, [1.0 - 3 * total], atol=1e-5)
