from __future__ import annotations

import threading
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.config import SamplingConfig
from shadow_mlx.serving.requests import Asked
from shadow_mlx.serving.sampling import processors_of, sampler_of
from shadow_mlx.shadow.attached import AttachedModel

LOGITS = mx.log(mx.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))


def asked(**options: Any) -> Asked:
    return Asked("chat", "m", ("x",), SamplingConfig(**options))


@pytest.fixture
def tokenizer(tiny_attached: tuple[AttachedModel, Any]) -> Any:
    return tiny_attached[1]


def drawn(sampler: Any, count: int) -> list[int]:
    return [int(sampler(LOGITS).item()) for _ in range(count)]


def test_a_seed_gives_the_same_draws_whatever_else_is_drawn(tokenizer: Any) -> None:
    one = sampler_of(asked(temp=1.0, seed=4), tokenizer, 0)
    alone = drawn(one, 20)
    again, other = (sampler_of(asked(temp=1.0, seed=seed), tokenizer, 0) for seed in (4, 5))
    mixed = []
    for _ in range(20):
        mixed += drawn(again, 1)
        drawn(other, 2)
        mx.random.uniform()
    assert mixed == alone
    assert drawn(sampler_of(asked(temp=1.0, seed=4), tokenizer, 1), 20) != alone
    elsewhere: list[list[int]] = []
    thread = threading.Thread(
        target=lambda: elsewhere.append(
            drawn_in_thread(sampler_of(asked(temp=1.0, seed=4), tokenizer, 0))
        )
    )
    thread.start()
    thread.join()
    assert elsewhere == [alone]


def drawn_in_thread(sampler: Any) -> list[int]:
    logits = mx.log(mx.array([[0.5, 0.25, 0.125, 0.0625, 0.0625]]))
    return [int(sampler(logits).item()) for _ in range(20)]


def test_tokens_are_drawn_as_often_as_they_are_likely(tokenizer: Any) -> None:
    found = drawn(sampler_of(asked(temp=1.0, seed=0), tokenizer, 0), 4000)
    shares = np.bincount(found, minlength=5) / 4000
    # five standard deviations of the largest share: fails by chance once in a million seeds
    assert np.abs(shares - np.exp(np.array(LOGITS[0]))).max() < 5 * np.sqrt(0.25 / 4000)


def test_greedy_rows_share_one_sampler(tokenizer: Any) -> None:
    assert sampler_of(asked(), tokenizer, 0) is sampler_of(asked(seed=3), tokenizer, 1)
    top = sampler_of(asked(temp=2.0, top_k=1), tokenizer, 0)
    assert set(drawn(top, 20)) == {0}
    drawn(sampler_of(asked(temp=1.0, top_k=10**6), tokenizer, 0), 2)  # more than there are: all


def test_penalties_and_biases_change_the_logits() -> None:
    one = Asked(
        "chat", "m", ("x",), SamplingConfig(), logit_bias={2: 5.0}, presence_penalty=1.0,
        frequency_penalty=0.5,
    )  # fmt: skip
    logits = mx.zeros((1, 4))
    for processor in processors_of(one):
        logits = processor(mx.array([0, 0, 1]), logits)
    assert np.array(logits)[0].tolist() == [-2.0, -1.5, 5.0, 0.0]
    assert processors_of(asked()) == []
