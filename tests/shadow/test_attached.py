"""The attached model: what is trained, in which dtype it runs, and one module for every depth."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.shadow.attached import AttachedModel
from tests.shadow.tiny_models import attached, backbone, difference, tokens

RANK, WIDTH, LAYERS = 4, 64, 3
INJECTION = 2 * RANK * WIDTH  # down, up
UPDATE = 2 * (2 * RANK * WIDTH + RANK + WIDTH)  # T and G


def trained(model: nn.Module) -> dict[str, mx.array]:
    return dict(tree_flatten(model.trainable_parameters()))


def gradients(model: AttachedModel) -> dict[str, mx.array]:
    def loss(model: AttachedModel) -> mx.array:
        h, s0 = model.hidden(tokens(6))
        targets = tokens(6, seed=1)
        return sum(
            nn.losses.cross_entropy(model.head(x), targets, reduction="mean") for x in (h, s0)
        )

    found: dict[str, Any] = nn.value_and_grad(model, loss)(model)[1]
    return dict(tree_flatten(found))


def test_only_the_shadow_is_trained() -> None:
    model = attached()
    assert {name.split(".")[0] for name in trained(model)} == {"shadow"}
    assert trained(model.backbone) == {}


@pytest.mark.parametrize(
    ("sharing", "injections", "updates"),
    [("update", LAYERS, 1), ("depth", 1, 1), ("layer", LAYERS, LAYERS)],
)
def test_a_layer_counts_once_however_often_it_is_used(
    sharing: str, injections: int, updates: int
) -> None:
    model = attached(sharing=sharing)
    of_layers = [v.size for name, v in trained(model).items() if ".layers." in name[:15]]
    assert sum(of_layers) == injections * INJECTION + updates * UPDATE
    assert not [name for name, _ in tree_flatten(model.parameters()) if "shadow_layer" in name]


def test_a_shared_update_is_the_same_function_and_its_gradient_the_sum_over_the_layers() -> None:
    shared, apart = attached(sharing="update"), attached(sharing="layer")
    apart.shadow.backbone.update(shared.shadow.backbone.parameters())
    rule = shared.shadow.layers[0]
    for mine, theirs in zip(shared.shadow.layers, apart.shadow.layers, strict=True):
        theirs.down.update(mine.down.parameters())
        theirs.up.update(mine.up.parameters())
        theirs.transform.update(rule.transform.parameters())
        theirs.gate.update(rule.gate.parameters())
    assert mx.array_equal(apart(tokens(6)), shared(tokens(6)))
    expected, found = gradients(apart), gradients(shared)
    for part in ("transform.first.weight", "gate.second.bias"):
        total = sum(expected[f"shadow.layers.{i}.{part}"] for i in range(LAYERS))
        assert difference(found[f"shadow.layers.0.{part}"], total) < 1e-5
    own = "shadow.layers.2.down.weight"
    assert difference(found[own], expected[own]) < 1e-5


def test_the_depth_shared_gradient_is_the_sum_over_the_layers() -> None:
    shared, apart = attached(sharing="depth"), attached(sharing="layer")
    apart.shadow.backbone.update(shared.shadow.backbone.parameters())
    for layer in apart.shadow.layers:
        layer.update(shared.shadow.layers[0].parameters())
    assert mx.array_equal(apart(tokens(6)), shared(tokens(6)))
    expected = gradients(apart)
    for name, gradient in gradients(shared).items():
        if name.startswith("shadow.layers.0."):
            part = name.removeprefix("shadow.layers.0.")
            total = sum(expected[f"shadow.layers.{i}.{part}"] for i in range(LAYERS))
        else:
            total = expected[name]
        assert difference(gradient, total) < 1e-5, name


@pytest.mark.parametrize("bits", [4, 8, None])
def test_a_bfloat16_backbone_is_not_promoted(bits: int | None) -> None:
    model = backbone(mx.bfloat16)
    if bits is not None:
        nn.quantize(model, group_size=32, bits=bits)
    shadowed = attached(model)
    shadowed.shadow.backbone.cast(mx.bfloat16)
    cache = shadowed.make_cache()
    h, s0 = shadowed.hidden(tokens(5), cache)
    assert (h.dtype, s0.dtype, shadowed.head(h).dtype) == (mx.bfloat16,) * 3
    assert {c.keys.dtype for c in cache} == {mx.bfloat16}
    shadowed(tokens(1), cache)
    assert {c.values.dtype for c in cache} == {mx.bfloat16}
    down = shadowed.shadow.layers[0].down.weight
    assert down.dtype == mx.float32  # trains in float32, whatever the stream is


@pytest.mark.parametrize("bits", [4, 8])
def test_gradients_go_through_a_quantized_backbone(bits: int) -> None:
    model = backbone(mx.bfloat16)
    nn.quantize(model, group_size=32, bits=bits)
    shadowed = attached(model)
    shadowed.train()
    for name, gradient in gradients(shadowed).items():
        assert gradient.dtype == mx.float32, name
        assert bool(mx.isfinite(gradient).all()), name
        assert bool(gradient.any()), name


def test_the_call_is_head_of_hidden_and_the_surface_is_mlx_lms() -> None:
    model = attached()
    h, s0 = model.hidden(tokens(5))
    assert (h.shape, s0.shape) == ((1, 5, WIDTH), (1, 5, WIDTH))
    assert mx.array_equal(model.head(h), model(tokens(5)))
    assert model.model_type == "qwen3"
    assert model.args.num_hidden_layers == len(model.layers) == LAYERS


def test_the_flat_cache_is_the_backbones_then_the_shadows() -> None:
    model = attached(shadow_layers=2)
    cache = model.make_cache()
    assert len(cache) == LAYERS + 2
    model(tokens(7), cache=cache)
    assert {c.offset for c in cache} == {7}
    assert {type(c).__name__ for c in model.make_cache(max_kv_size=8)} == {"RotatingKVCache"}


def test_the_detached_model_is_the_heads_view_of_the_initial_state() -> None:
    model = attached(shadow_layers=2, shadow_hidden_size=32)
    detached = model.detached()
    _, s0 = model.hidden(tokens(5))
    assert mx.array_equal(detached(tokens(5)), model.head(s0))
    assert len(detached.layers) == len(detached.make_cache()) == 2
    assert (detached.model_type, detached.args.hidden_size) == ("qwen3", WIDTH)
    held = {name for name, _ in tree_flatten(detached.parameters())}
    assert not [name for name in held if ".block." in name]  # none of the backbone's blocks
