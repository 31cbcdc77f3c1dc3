"""A mirror that starts with copies of the backbone's blocks."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.copying import chosen_blocks, copy_blocks
from tests.shadow.tiny_models import QWEN3, backbone

LAYERS = QWEN3["num_hidden_layers"]


def copied(
    which: str = "even", *, quantized: bool = False, **options
) -> tuple[AttachedModel, list]:
    model = backbone()
    if quantized:
        nn.quantize(model, group_size=32, bits=8)
    attached = attach(model, QWEN3, ShadowConfig(**options))
    return attached, copy_blocks(attached.shadow.backbone, attached.decoder, which)


def weights(module: nn.Module) -> dict[str, mx.array]:
    return dict(tree_flatten(module.parameters()))


@pytest.mark.parametrize(
    ("of", "count", "which", "expected"),
    [
        (30, 2, "even", [0, 29]),
        (30, 3, "even", [0, 14, 29]),
        (30, 1, "even", [0]),
        (30, 4, "first", [0, 1, 2, 3]),
        (30, 2, "last", [28, 29]),
        (2, 2, "even", [0, 1]),
    ],
)
def test_which_blocks(of: int, count: int, which: str, expected: list[int]) -> None:
    assert chosen_blocks(of, count, which) == expected


@pytest.mark.parametrize("which", ["even", "first", "last"])
def test_a_mirror_as_deep_as_its_backbone_is_its_backbone(which: str) -> None:
    model, left = copied(which, shadow_layers=LAYERS)
    inputs = mx.array([[1, 2, 3, 4, 5]])
    assert left == []
    assert mx.allclose(model.shadow.backbone(inputs), model.decoder.final_hidden(inputs), atol=1e-5)


def test_a_quantized_backbone_is_copied_as_what_it_stands_for() -> None:
    model, left = copied("first", quantized=True, shadow_layers=LAYERS)
    inputs = mx.array([[1, 2, 3, 4, 5]])
    assert left == []
    found, expected = model.shadow.backbone(inputs), model.decoder.final_hidden(inputs)
    assert mx.abs(found - expected).max().item() < 1e-3
    assert all(value.dtype == mx.float32 for value in weights(model.shadow.backbone).values())


def test_narrower_blocks_take_the_first_of_each_axis() -> None:
    sizes = {"shadow_heads": 2, "shadow_kv_heads": 1, "shadow_intermediate_size": 24}
    model, left = copied("first", shadow_layers=1, **sizes)
    own = weights(model.shadow.backbone.decoder.blocks[0])
    source = weights(model.decoder.blocks[0].block)
    assert left == []
    for name, value in own.items():
        cut = source[name][tuple(slice(0, size) for size in value.shape)]
        assert mx.array_equal(value, cut), name
    assert any(value.shape != source[name].shape for name, value in own.items())


def test_a_narrower_mirror_is_fed_and_gives_the_first_channels() -> None:
    model, _ = copied("first", shadow_layers=1, shadow_hidden_size=32)
    shadow = model.shadow.backbone
    ids = mx.array([[3, 1, 4]])
    table = model.decoder.embedding
    assert mx.array_equal(shadow.decoder.embedding(ids), table(ids)[..., :32])
    assert mx.array_equal(shadow.projection.weight, mx.eye(QWEN3["hidden_size"], 32))


def test_what_is_fused_and_cut_keeps_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shadow_mlx.shadow.copying.FUSED", ("q_proj",))
    _, left = copied("first", shadow_layers=1, shadow_heads=2, shadow_kv_heads=1)
    assert left == ["block 0: self_attn.q_proj.weight"]
    _, whole = copied("first", shadow_layers=1)
    assert whole == []
