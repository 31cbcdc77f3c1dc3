"""States behind blocks: as an explicit loop over the blocks finds them, and nothing is changed."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx_lm.models.base import create_attention_mask

from shadow_mlx.backbones.block_states import states_behind
from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.errors import UnsupportedArchitectureError
from tests.shadow.tiny_models import attached, backbone, tokens


def by_hand(inner: Any, inputs: mx.array, count: int) -> mx.array:
    h = inner.embed_tokens(inputs)
    mask = create_attention_mask(h, None)
    for layer in inner.layers[:count]:
        h = layer(h, mask, None)
    return inner.norm(h)


def test_each_is_what_an_explicit_loop_finds_read_through_the_final_norm() -> None:
    model, inputs = backbone(), tokens(6)
    final, *found = states_behind(find_decoder(model), inputs, (2, 1, 3, 2))
    assert mx.array_equal(final, model.model(inputs))
    for number, state in zip((2, 1, 3, 2), found, strict=True):
        assert mx.allclose(state, by_hand(model.model, inputs, number), rtol=1e-5, atol=1e-6)
    assert mx.abs(found[0] - found[1]).max().item() > 1e-2
    assert states_behind(find_decoder(model), inputs, ())[0].shape == final.shape


def test_of_an_attached_model_they_are_those_that_the_shadow_made() -> None:
    model, inputs = attached(), tokens(6)
    s = model.shadow.backbone(inputs)
    inner, h = model.backbone.model, model.backbone.model.embed_tokens(inputs)
    mask, expected = create_attention_mask(h, None), []
    for block, layer in zip(inner.layers, model.shadow.for_blocks(3), strict=True):
        h = block.block(layer.inject(h, s), mask, None)
        s = layer.advance(h, s)
        expected.append(inner.norm(h))
    final, *found = model.states(inputs, (1, 2, 3))
    for state, wanted in zip((final, *found), (expected[-1], *expected), strict=True):
        assert mx.allclose(state, wanted, rtol=1e-5, atol=1e-5)
    assert mx.abs(found[0] - by_hand(inner, inputs, 1)).max().item() > 1e-3


def test_of_a_shadow_they_come_through_its_own_norm_and_projection() -> None:
    model = attached(shadow_layers=2, shadow_hidden_size=32, shadow_heads=2)
    inputs, network = tokens(6), model.shadow.backbone
    s0, first, last = network.states(inputs, (1, 2))
    assert mx.array_equal(s0, network(inputs))
    assert mx.array_equal(s0, last)
    expected = network.projection(by_hand(network.inner, inputs, 1))
    assert mx.allclose(first, expected, rtol=1e-5, atol=1e-6)


def test_the_model_stays_as_it_was() -> None:
    model, inputs = backbone(), tokens(6)
    blocks, norm, before = model.layers, model.model.norm, model(inputs)
    states_behind(find_decoder(model), inputs, (1,))
    assert all(a is b for a, b in zip(model.layers, blocks, strict=True))
    assert model.model.norm is norm
    assert mx.array_equal(model(inputs), before)


def test_a_gradient_goes_through_them() -> None:
    model = backbone()

    def size() -> mx.array:
        return mx.square(states_behind(find_decoder(model), tokens(4), (1,))[1]).sum()

    _, gradients = nn.value_and_grad(model, size)()
    layers = gradients["model"]["layers"]
    assert mx.any(layers[0]["mlp"]["up_proj"]["weight"]).item()
    assert not mx.any(layers[1]["mlp"]["up_proj"]["weight"]).item()
    assert mx.any(gradients["model"]["norm"]["weight"]).item()


class Named(nn.Module):
    """A block that hands its state on under a name."""

    def __call__(self, x: Any, *rest: Any) -> Any:
        return {"state": x}


class Twice(nn.Module):
    """A loop that goes through its blocks twice."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.embed_tokens, self.layers, self.norm = inner.embed_tokens, inner.layers, inner.norm

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        h = self.embed_tokens(inputs)
        for layer in self.layers * 2:
            h = layer(h, None, None)
        return self.norm(h)


class Once(Twice):
    """A loop that leaves the last block out."""

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        h = self.embed_tokens(inputs)
        for layer in self.layers[:-1]:
            h = layer(h, None, None)
        return self.norm(h)


@pytest.mark.parametrize(
    ("loop", "reason"),
    [(Twice, "through the blocks more than once"), (Once, "does not call every block")],
)
def test_other_loops_are_refused(loop: type[Twice], reason: str) -> None:
    model = backbone()
    model.model = loop(model.model)
    with pytest.raises(UnsupportedArchitectureError, match=reason):
        states_behind(find_decoder(model), tokens(4), (1,))
    assert len(states_behind(find_decoder(model), tokens(4), (3,))) == 2  # the last one is there


def test_blocks_that_hand_on_no_array_are_refused() -> None:
    model = backbone()
    model.model.layers[0] = Named()
    with pytest.raises(UnsupportedArchitectureError, match="return a dict"):
        states_behind(find_decoder(model), tokens(4), (1,))
