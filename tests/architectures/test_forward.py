"""Every family: the shadow changes nothing at its start, and a cache changes nothing ever."""

from __future__ import annotations

import mlx.core as mx
import pytest
from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache

from tests.architectures.families import REPRESENTATIVES, WINDOW
from tests.architectures.matrix import (
    BY_NAME,
    LENGTH,
    TOLERANCE,
    difference,
    in_chunks,
    kinds_of_cache,
    logits_of,
    prepared,
    tokens,
)

pytestmark = pytest.mark.parametrize("name", BY_NAME)
CHUNKS = (9, 1, 1, 6, 1, 2)  # a prompt, single tokens, a second turn


def test_an_untrained_shadow_changes_no_bit(name: str) -> None:
    models = prepared(name)
    assert mx.array_equal(models.untrained_logits, models.base_logits)


def test_a_trained_shadow_changes_the_logits_but_not_the_backbone_alone(name: str) -> None:
    models = prepared(name)
    inputs = tokens(LENGTH)
    assert difference(models.attached(inputs), models.base_logits) > 1e-2
    assert mx.array_equal(logits_of(models.backbone, inputs), models.base_logits)


@pytest.mark.parametrize("mode", ["attached", "detached"])
def test_cached_decoding_equals_the_full_forward(name: str, mode: str) -> None:
    model = getattr(prepared(name), mode)
    inputs = tokens(LENGTH, seed=3, rows=2)
    assert difference(in_chunks(model, inputs, CHUNKS), model(inputs)) < TOLERANCE


@pytest.mark.parametrize("mode", ["attached", "detached"])
def test_trimming_the_cache_and_going_on_equals_a_fresh_run(name: str, mode: str) -> None:
    model = getattr(prepared(name), mode)
    trims = BY_NAME[name].trims
    cache = make_prompt_cache(model)
    begin = LENGTH - 5 if trims == "always" else WINDOW - 1
    discarded, kept = 3, tokens(begin, seed=4)
    in_chunks(model, kept, (begin,), cache)
    if trims == "never":
        assert not can_trim_prompt_cache(cache)
        return
    assert trim_prompt_cache(cache, discarded) == discarded
    continued = mx.concatenate([kept[:, :-discarded], tokens(6, seed=6)], axis=1)
    found = in_chunks(model, continued[:, begin - discarded :], (4, 1, 1), cache)
    assert difference(found, model(continued)[:, begin - discarded :]) < TOLERANCE
    if trims == "in the window":
        in_chunks(model, tokens(WINDOW), (WINDOW,), cache)
        assert not can_trim_prompt_cache(cache)


@pytest.mark.parametrize("mode", ["attached", "detached"])
def test_its_caches_are_those_of_a_representative(name: str, mode: str) -> None:
    known = [kinds_of_cache(getattr(prepared(one), mode)) for one in REPRESENTATIVES]
    assert kinds_of_cache(getattr(prepared(name), mode)) in known
