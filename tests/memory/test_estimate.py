"""The estimate against what MLX really allocates, where activations decide."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from benchmarks.memory import Case, estimated, measured, oracle
from shadow_mlx.backbones.pretending import Machines
from shadow_mlx.backbones.sharding import split
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ModelError
from shadow_mlx.memory import tracing
from shadow_mlx.memory.estimate import PARTS, estimate, largest_batch
from shadow_mlx.memory.verdict import fit_of, judge
from shadow_mlx.training.device import cache_limit

SMALL = {
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "intermediate_size": 192,
    "head_dim": 24,
    "vocab_size": 512,
}
FOUR_BIT = {"quantization": {"group_size": 32, "bits": 4}}


def gated_delta(blocks: int) -> dict[str, Any]:
    """A Qwen 3.5 in small: two blocks by chunks, one with attention, and so on."""
    text = {
        **Case("").config_json,
        **SMALL,
        "num_hidden_layers": blocks,
        "model_type": "qwen3_5_text",
        "full_attention_interval": 3,
        "partial_rotary_factor": 0.5,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 24,
        "linear_value_head_dim": 24,
        "linear_conv_kernel_dim": 4,
    }
    return {"model_type": "qwen3_5", "text_config": text}


WITHIN = 0.06 if mx.default_device().type == mx.DeviceType.cpu else 0.2
"""What README and docs/memory.md say of a CPU; no GPU was measured."""


def case(name: str, model: dict[str, Any] | None = None, **options: Any) -> Case:
    shape = {key: options.pop(key) for key in ("rows", "width", "trained") if key in options}
    return Case(
        name,
        {**SMALL, **(model or {})},
        options,
        **{"rows": 4, "width": 160, "trained": 300, **shape},
    )


CASES = [
    case("plain"),
    case("one long example", rows=1, width=400),
    case("many short examples", rows=24, width=24, trained=200),
    case("a module for each layer", sharing="layer", rank=16),
    case("checkpointed", {"num_hidden_layers": 4}, grad_checkpoint=True),
    case("4-bit", FOUR_BIT),
    case("large vocabulary", {"vocab_size": 12000}, rows=1),
    case("narrow shadow", shadow_hidden_size=48, shadow_intermediate_size=96),
    case("accumulated", grad_accumulation_steps=2),
    case("packed", rows=2, width=320, packing=True),
    case("pretraining", objective="pretrain"),
    case("pretraining with a teacher", objective="pretrain", teacher="base"),
    case("taught by itself", distill_weight=1.0, hidden_weight=1.0),
    case("taught to draft", draft_weight=1.0),
    case("taught to draft a large vocabulary", {"vocab_size": 12000}, rows=1, draft_weight=1.0),
    case(
        "taught by states behind blocks",
        objective="pretrain",
        teacher="base",
        hidden_weight=1.0,
        hidden_blocks="even",
        shadow_layers=2,
    ),
    case("llama, untied head", {"model_type": "llama", "tie_word_embeddings": False}),
    case("gated delta", gated_delta(3)),
    case("gated delta, the last chunk not full", gated_delta(3), rows=1, width=250),
    case("gated delta, checkpointed", gated_delta(6), grad_checkpoint=True),
]


@pytest.mark.parametrize("chosen", CASES, ids=lambda chosen: chosen.name)
def test_as_near_to_the_measured_peak_as_is_said(chosen: Case, tmp_path: Path) -> None:
    found = estimated(chosen, tmp_path)
    assert sum(getattr(found, part) for part in PARTS) == found.peak
    gc.collect()
    assert found.peak == pytest.approx(measured(chosen), rel=WITHIN)


def test_three_and_four_blocks_tell_of_six() -> None:
    """What the benchmark compares with where the whole model cannot be trained."""
    six = case("six blocks", {"num_hidden_layers": 6})
    extrapolated = oracle(six, measured)
    gc.collect()
    assert extrapolated == pytest.approx(measured(six), rel=0.05)


def test_nothing_is_loaded_and_nothing_computed(tmp_path: Path) -> None:
    """A backbone of 8 gigabytes in a folder that holds no weights at all."""
    large = {
        "hidden_size": 4096, "num_hidden_layers": 2, "intermediate_size": 12288,
        "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
        "vocab_size": 1_000_000, "dtype": "bfloat16",
    }  # fmt: skip
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    found = estimated(Case("large", large, rows=1, width=64, trained=30), tmp_path)
    assert found.weights > 8e9
    assert mx.get_peak_memory() - before < 1e6


def test_without_data_every_example_is_as_long_as_allowed(tiny_backbone: Path) -> None:
    config = TrainConfig(model=str(tiny_backbone), batch_size=3, max_seq_length=60)
    assert largest_batch(config).width == 64  # 59 inputs, rounded up as batches are
    found = estimate(config)
    assert found.assumed
    assert found.batch.trained == 3 * 59


def test_the_cache_is_bounded_as_training_bounds_it(tiny_backbone: Path) -> None:
    found = estimate(TrainConfig(model=str(tiny_backbone), max_seq_length=64), memory=8 << 30)
    assert 0 < found.cache <= cache_limit(found.peak)
    assert found.machine == 8 << 30
    assert found.usable < found.machine


@pytest.mark.parametrize(
    ("rows", "length"), [(100_000, 100_000), (2**31 - 1, 2**31 - 1), (1, 10**9), (10**9, 8)]
)
def test_a_batch_beyond_what_mlx_can_describe(tiny_backbone: Path, rows: int, length: int) -> None:
    config = TrainConfig(model=str(tiny_backbone), batch_size=rows, max_seq_length=length)
    found = estimate(config, memory=10**9)
    assert found.peak > rows * length  # a byte a token at the very least
    assert fit_of(found) == "too large"


def test_a_larger_batch_is_reckoned_from_a_smaller_one(
    tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig(model=str(tiny_backbone), batch_size=64, max_seq_length=257)
    exact = estimate(config)
    monkeypatch.setattr(tracing, "MOST_TOKENS", 4096)
    assert estimate(config).peak == pytest.approx(exact.peak, rel=0.1)


def test_a_teachers_own_weights_are_counted(tiny_backbone: Path) -> None:
    options = {"model": str(tiny_backbone), "objective": "pretrain", "batch_size": 1}
    base = estimate(TrainConfig(**options, teacher="base"))
    other = estimate(TrainConfig(**options, teacher=str(tiny_backbone)))
    kept = estimate(TrainConfig(**options, teacher=str(tiny_backbone), teacher_top=8))
    assert other.weights == 2 * base.weights
    assert other.peak - base.peak == base.weights
    assert kept.weights == base.weights
    assert kept.peak < base.peak


def test_each_of_two_machines_has_its_part_of_the_backbone_and_the_whole_shadow(
    tiny_backbone: Path,
) -> None:
    config = TrainConfig(model=str(tiny_backbone), max_seq_length=64, batch_size=2)
    whole, part = estimate(config), estimate(config, machines=2)
    backbone, _ = load_model(tiny_backbone)
    split(backbone, Machines(2), "x")
    assert part.weights == sum(one.nbytes for _, one in tree_flatten(backbone.parameters()))
    assert part.weights < whole.weights
    assert part.activations < whole.activations
    for name in ("adapter", "gradients", "optimizer", "trained", "share", "batch"):
        assert getattr(part, name) == getattr(whole, name), name
    assert (part.machines, whole.machines) == (2, 1)
    assert "on each of 2 machines" in judge(part).sentence


def test_machines_that_a_backbone_cannot_be_dealt_out_to(tiny_backbone: Path) -> None:
    with pytest.raises(ModelError, match="its 4 attention heads cannot be dealt out evenly to 3"):
        estimate(TrainConfig(model=str(tiny_backbone)), machines=3)
