"""Rows written together: each as if it were alone, by the model's own distribution."""

from __future__ import annotations

import math
from collections import Counter

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.models.cache import RotatingKVCache
from mlx_lm.utils import load_model

from shadow_mlx.generation.sampled import sampled_continuations

PROMPTS = [(1, 2, 3), (7,), (4, 5, 6, 7, 8, 9, 3), (9, 9)]
LONGEST = (5, 12, 3, 8)


def continued(model, prompts=PROMPTS, longest=LONGEST, **options):
    given = {"temperature": 0.0, "vocabulary": 200, "stop": (), "key": mx.random.key(0)}
    return sampled_continuations(model, prompts, longest, **(given | options))


@pytest.fixture
def model(tiny_backbone):
    return load_model(tiny_backbone)[0]


def alone(model, prompt, count, stop=()):
    """The likeliest tokens, each by a whole forward pass over one row."""
    ids = list(prompt)
    while len(ids) < len(prompt) + count:
        ids.append(model(mx.array([ids]))[0, -1, :200].argmax().item())
        if ids[-1] in stop:
            break
    return tuple(ids[len(prompt) :])


def test_rows_of_any_lengths_say_what_each_says_alone(model):
    expected = [alone(model, p, n) for p, n in zip(PROMPTS, LONGEST, strict=True)]
    assert continued(model) == expected
    assert continued(model, PROMPTS[1:2], (12,)) == expected[1:2]


def test_a_detached_model_writes_with_its_own_caches(tiny_attached):
    model = tiny_attached[0].detached()
    assert continued(model) == [alone(model, p, n) for p, n in zip(PROMPTS, LONGEST, strict=True)]


def test_a_sliding_window_serves(model, monkeypatch):
    """Rows that are never padded in front need no cache that knows of padding."""

    def windows(model):
        made.append([RotatingKVCache(max_size=64) for _ in model.layers])
        return made[-1]

    expected, made = continued(model), []
    monkeypatch.setattr("shadow_mlx.generation.sampled.new_cache", windows)
    assert continued(model) == expected
    assert made[0][0].offset > 0


def test_an_end_token_is_written_and_ends_its_row_alone(model):
    whole = continued(model)
    stop = {whole[1][4]}
    expected = [alone(model, p, n, stop) for p, n in zip(PROMPTS, LONGEST, strict=True)]
    assert len(expected[1]) < len(whole[1])
    assert continued(model, stop=stop) == expected


def test_what_pads_the_logits_is_never_written(model):
    found = continued(model, temperature=50.0, vocabulary=5, longest=(40,) * 4)
    assert {token for row in found for token in row} == set(range(5))


def test_the_key_decides_and_the_global_state_is_left_alone(model):
    mx.random.seed(1)
    before = mx.random.state[0].tolist()
    first = continued(model, temperature=1.0)
    assert mx.random.state[0].tolist() == before
    mx.random.seed(2)
    assert continued(model, temperature=1.0) == first
    assert continued(model, temperature=1.0, key=mx.random.key(1)) != first


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_what_is_written_has_the_models_distribution(model, temperature):
    """Pearson's χ² of the token that 20,000 rows write, their prompts longer than another row's.

    Tokens that are expected less than 10 times count as one. The keys are fixed, so it passes or
    fails for good; a right sampler would fail for one key in a million.
    """
    draws, prompt = 20_000, (7, 3)
    prompts = [(7,), *[prompt] * draws]
    found = continued(model, prompts, [1] * (draws + 1), temperature=temperature)
    counts = Counter(row[0] for row in found[1:])
    logits = np.array(model(mx.array([prompt]))[0, -1, :200], np.float64) / temperature
    expected = draws * np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    often = np.flatnonzero(expected >= 10)
    seen = np.array([counts[int(token)] for token in often])
    wanted = expected[often]
    rest = draws - wanted.sum()
    if rest > 0:
        seen, wanted = np.append(seen, draws - seen.sum()), np.append(wanted, rest)
    statistic = ((seen - wanted) ** 2 / wanted).sum()
    freedom = len(wanted) - 1
    assert freedom > 10
    # Wilson and Hilferty 1931: the cube root is normal; 4.75 deviations are one in a million.
    cubed = (statistic / freedom) ** (1 / 3)
    deviation = (cubed - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    assert deviation < 4.75
