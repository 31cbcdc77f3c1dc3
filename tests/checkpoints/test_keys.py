"""The key maps of experts, number by number; ``test_peft_families`` compares them with PEFT's."""

from __future__ import annotations

import mlx.core as mx
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.checkpoints.keys import FAMILIES, family_of


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
