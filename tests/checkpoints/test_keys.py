"""The key maps against the decoders of transformers, name by name and shape by shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlx.utils import tree_flatten
from mlx_lm.utils import _get_classes

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.checkpoints.keys import FAMILIES, family_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "inner_names.json").read_text())
ARCHITECTURES: dict[str, Any] = GOLDEN["architectures"]


def decoder_tensors(config: dict[str, Any]) -> dict[str, mx.array]:
    """The tensors of mlx-lm's decoder for a configuration, random."""
    model_class, args_class = _get_classes(config)
    decoder = find_decoder(model_class(args_class.from_dict(config)))
    decoder.drop_own_head()
    mx.random.seed(0)
    return {k: 0.2 * mx.random.normal(v.shape) for k, v in tree_flatten(decoder.inner.parameters())}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_names_and_shapes_are_those_of_transformers(name: str) -> None:
    golden = ARCHITECTURES[name]
    family = family_of(golden["config"]["model_type"])
    assert family is not None
    assert family.blocks == golden["blocks"]
    outward = family.outward(decoder_tensors(golden["config"]))
    assert {k: list(v.shape) for k, v in outward.items()} == golden["tensors"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_inward_undoes_outward(name: str) -> None:
    config = ARCHITECTURES[name]["config"]
    family = FAMILIES[config["model_type"]]
    before = decoder_tensors(config)
    after = family.inward(family.outward(before))
    assert after.keys() == before.keys()
    for key, value in before.items():
        # Norms that are kept around zero lose the last bit of one plus a small number.
        assert mx.allclose(after[key], value, rtol=0, atol=2e-7), key


def test_every_listed_family_was_compared() -> None:
    compared = {entry["config"]["model_type"] for entry in ARCHITECTURES.values()}
    assert compared == FAMILIES.keys()


def test_an_architecture_that_was_never_compared_has_no_family() -> None:
    assert family_of("jamba") is None


def test_joined_experts_stand_gate_above_up() -> None:
    gate, up, down = mx.zeros((2, 3, 4)), mx.ones((2, 3, 4)), mx.ones((2, 4, 3))
    stem = "layers.0.mlp.switch_mlp."
    tensors = {
        f"{stem}gate_proj.weight": gate,
        f"{stem}up_proj.weight": up,
        f"{stem}down_proj.weight": down,
    }
    joined = FAMILIES["qwen3_moe"].outward(tensors)["layers.0.mlp.experts.gate_up_proj"]
    assert joined.shape == (2, 6, 4)
    assert mx.array_equal(joined[:, :3], gate)
    assert mx.array_equal(joined[:, 3:], up)


def test_gpt_oss_experts_take_turns() -> None:
    gate, up = mx.zeros((2, 3, 4)), mx.ones((2, 3, 4))
    stem = "layers.0.mlp.experts."
    tensors = {f"{stem}{part}_proj.weight": value for part, value in (("gate", gate), ("up", up))}
    tensors[f"{stem}down_proj.weight"] = mx.ones((2, 4, 3))
    tensors |= {f"{stem}{part}_proj.bias": mx.zeros((2, 3)) for part in ("gate", "up")}
    tensors[f"{stem}down_proj.bias"] = mx.zeros((2, 4))
    joined = FAMILIES["gpt_oss"].outward(tensors)[f"{stem}gate_up_proj"]
    assert joined.shape == (2, 4, 6)
    assert mx.array_equal(joined[0, 0], mx.array([0.0, 1, 0, 1, 0, 1]))


@settings(max_examples=50, deadline=None)
@given(
    family=st.sampled_from(["qwen3_moe", "mixtral", "granitemoe", "gpt_oss"]),
    layers=st.lists(st.integers(0, 99), max_size=4, unique=True),
    experts=st.integers(1, 5),
    width=st.integers(1, 7),
    hidden=st.integers(1, 7),
)
def test_experts_of_any_size_come_back(
    family: str, layers: list[int], experts: int, width: int, hidden: int
) -> None:
    """Expert tensors survive both ways bit for bit, and nothing else is touched."""
    stems = {
        "qwen3_moe": "mlp.switch_mlp",
        "mixtral": "block_sparse_moe.switch_mlp",
        "granitemoe": "block_sparse_moe.switch_mlp",
        "gpt_oss": "mlp.experts",
    }
    shapes = {
        "gate_proj": (experts, width, hidden),
        "up_proj": (experts, width, hidden),
        "down_proj": (experts, hidden, width),
    }
    before = {"norm.weight": mx.ones(hidden)}
    for layer in layers:
        for part, shape in shapes.items():
            stem = f"layers.{layer}.{stems[family]}.{part}"
            before[f"{stem}.weight"] = mx.random.normal(shape)
            if family == "gpt_oss":
                before[f"{stem}.bias"] = mx.random.normal(shape[:2])
    outward = FAMILIES[family].outward(before)
    assert not any("gate_proj" in name or "switch_mlp" in name for name in outward)
    after = FAMILIES[family].inward(outward)
    assert after.keys() == before.keys()
    assert all(mx.array_equal(after[name], before[name]) for name in before)
