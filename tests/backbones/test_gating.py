"""Gated activations keep their arguments alone while a block is traced, and only then."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx_lm.models import activations, llama, switch_layers

from shadow_mlx.backbones import gating
from shadow_mlx.backbones.gating import recomputed_gates
from shadow_mlx.backbones.recomputing import recomputed

ARGS = llama.ModelArgs(
    model_type="llama",
    hidden_size=16,
    num_hidden_layers=1,
    intermediate_size=64,
    num_attention_heads=2,
    rms_norm_eps=1e-5,
    vocab_size=8,
)


def test_a_block_gives_the_same_gradient_and_its_module_is_as_before() -> None:
    block = llama.TransformerBlock(ARGS)
    x = mx.random.normal((1, 4, 16))
    used = []

    def checkpoint(function: object) -> object:
        used.append(function)
        return recomputed(function)

    def lean(x: mx.array) -> mx.array:
        with recomputed_gates(block, checkpoint):
            assert llama.swiglu is not activations.swiglu
            return block(x).sum()

    expected = mx.grad(lambda x: block(x).sum())(x)
    np.testing.assert_allclose(np.array(mx.grad(lean)(x)), np.array(expected), rtol=1e-5)
    assert used == [activations.swiglu]
    assert llama.swiglu is activations.swiglu


def test_experts_are_gated_too() -> None:
    with recomputed_gates(switch_layers.SwitchGLU(8, 16, 2), recomputed):
        assert switch_layers.swiglu is not activations.swiglu
    assert switch_layers.swiglu is activations.swiglu


def test_a_block_with_an_activation_that_is_a_module_gives_everything_back() -> None:
    with recomputed_gates(activations.SwigluOAI(), recomputed):
        pass
    assert llama.swiglu is activations.swiglu is gating.swiglu


def test_an_error_inside_leaves_nothing_behind() -> None:
    block = llama.TransformerBlock(ARGS)
    with pytest.raises(ZeroDivisionError), recomputed_gates(block, recomputed):
        raise ZeroDivisionError
    assert llama.swiglu is activations.swiglu


def test_what_gates_by_itself_is_left_alone() -> None:
    with recomputed_gates(nn.Linear(2, 2), recomputed):
        assert llama.swiglu is activations.swiglu
