"""The estimate against what MLX really allocates, where activations decide."""

from __future__ import annotations

import gc
from pathlib import Path

import mlx.core as mx
import pytest

from benchmarks.memory import Case, estimated, measured
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ModelError
from shadow_mlx.memory.estimate import PARTS, BatchShape, estimate

SMALL = {
    "hidden_size": 96,
    "num_hidden_layers": 3,
    "intermediate_size": 192,
    "head_dim": 24,
    "vocab_size": 512,
}


def case(name: str, model: dict[str, object] | None = None, **changes: object) -> Case:
    options = {key: changes.pop(key) for key in list(changes) if key not in SHAPE}
    return Case(name, {**SMALL, **(model or {})}, options, **(SHAPE | changes))  # type: ignore[arg-type]


SHAPE = {"rows": 4, "width": 160, "trained": 300}
CASES = [
    case("plain"),
    case("one long example", rows=1, width=512, trained=300),
    case("many short examples", rows=24, width=24, trained=200),
    case("deeper", {"num_hidden_layers": 8}),
    case("a module for each layer", sharing="layer", rank=16),
    case("checkpointed", {"num_hidden_layers": 8}, grad_checkpoint=True),
    case("4-bit", {"quantization": {"group_size": 32, "bits": 4}}),
    case("large vocabulary", {"vocab_size": 20000}, rows=2),
    case("narrow shadow", shadow_hidden_size=48, shadow_intermediate_size=96),
    case("accumulated", grad_accumulation_steps=3),
    case("without the auxiliary loss", aux_weight=0.0, optimizer="sgd"),
    case("llama, untied head", {"model_type": "llama", "tie_word_embeddings": False}),
]


@pytest.mark.parametrize("chosen", CASES, ids=lambda chosen: chosen.name)
def test_within_a_fifth_of_the_measured_peak(chosen: Case, tmp_path: Path) -> None:
    gc.collect()
    found = estimated(chosen, tmp_path)
    assert sum(getattr(found, part) for part in PARTS) == found.peak
    assert found.peak == pytest.approx(measured(chosen), rel=0.2)
