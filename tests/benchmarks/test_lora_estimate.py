"""What LoRA takes is reckoned as it is measured."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import pytest
from mlx.utils import tree_flatten
from mlx_lm import load
from mlx_lm.tuner.trainer import default_loss
from mlx_lm.tuner.utils import linear_to_lora_layers

from benchmarks.lora_estimate import LORA, lora_peak

ROWS, LENGTH = 4, 256


def test_the_peak_is_that_of_a_real_step(tiny_backbone: Path) -> None:
    model, _ = load(str(tiny_backbone))
    model.freeze()
    linear_to_lora_layers(model, len(model.layers), LORA)
    optimizer = optim.AdamW(1e-4)
    gradients = nn.value_and_grad(model, default_loss)
    batch = mx.ones((ROWS, LENGTH + 1), mx.int32), mx.array([[0, LENGTH]] * ROWS)
    mx.eval(model.parameters(), *batch)
    step = mx.compile(
        lambda *arrays: gradients(model, *arrays), inputs=[model.state], outputs=[model.state]
    )
    peaks = []
    for _ in range(8):  # on a busy machine MLX may have fewer arrays alive at the same time
        mx.synchronize()
        mx.clear_cache()
        mx.reset_peak_memory()
        before = mx.get_active_memory()
        _, found = step(*batch)
        optimizer.update(model, found)
        mx.eval(model.parameters(), optimizer.state)
        peaks.append(mx.get_peak_memory() - before)
    held = tree_flatten((model.parameters(), optimizer.state))
    state = sum(array.nbytes for _, array in held)
    config = json.loads((tiny_backbone / "config.json").read_text(encoding="utf-8"))
    assert lora_peak(config, ROWS, LENGTH) - state == pytest.approx(max(peaks), rel=0.15)
