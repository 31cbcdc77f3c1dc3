"""The least squares between two heads, against NumPy's own and against what it is for."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.shadow.projection import fitted_projection, head_matrix
from tests.shadow.tiny_models import backbone

TOKENS = 300


@pytest.mark.parametrize("changes", [{}, {"tie_word_embeddings": False}])
@pytest.mark.parametrize("quantized", [False, True])
def test_a_head_is_a_matrix_whatever_it_is_made_of(changes: dict, quantized: bool) -> None:
    model = backbone(**changes)
    if quantized:
        nn.quantize(model, group_size=32, bits=8)
    decoder = find_decoder(model)
    hidden = mx.random.normal((5, 64), key=mx.random.key(1))
    tied = not changes
    logits = model.model.embed_tokens.as_linear(hidden) if tied else model.lm_head(hidden)
    np.testing.assert_allclose(
        np.array(hidden) @ head_matrix(decoder).T, np.array(logits), rtol=1e-4, atol=1e-4
    )


def test_it_is_the_least_squares_solution_and_what_is_left_of_it() -> None:
    narrow = backbone(hidden_size=32, vocab_size=TOKENS)
    small, large = find_decoder(narrow), find_decoder(backbone(vocab_size=TOKENS))
    found, left = fitted_projection(head_matrix(small), large)
    own, theirs = head_matrix(small).astype(float), head_matrix(large).astype(float)
    expected, *_ = np.linalg.lstsq(theirs, own, rcond=None)
    np.testing.assert_allclose(np.array(found), expected, rtol=1e-3, atol=1e-4)
    rest = np.linalg.norm(theirs @ expected - own) / np.linalg.norm(own)
    assert left == pytest.approx(rest, rel=1e-3, abs=1e-5)
    assert 0.5 < left < 1  # random heads have little to do with each other


def test_a_head_that_the_backbones_can_say_is_said_exactly() -> None:
    small, large = backbone(hidden_size=32), backbone(vocab_size=200)
    mixed = mx.random.normal((64, 32), key=mx.random.key(2))
    table = large.model.embed_tokens.weight @ mixed
    small.model.embed_tokens.weight = table  # more tokens than the other: those are left out
    projection, left = fitted_projection(head_matrix(find_decoder(small)), find_decoder(large))
    assert left < 1e-5
    state = mx.random.normal((3, 32), key=mx.random.key(3))
    np.testing.assert_allclose(
        np.array((state @ projection.T) @ large.model.embed_tokens.weight.T),
        np.array(state @ table.T),
        rtol=1e-3,
        atol=1e-3,
    )
