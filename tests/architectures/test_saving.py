"""Every family: an adapter written to a folder and read back is the same function, to the bit."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from tests.architectures.matrix import BY_NAME, LENGTH, attach_tiny, build, perturb, tokens


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_read_back_is_what_was_written(name: str, tmp_path: Path) -> None:
    config = BY_NAME[name].config
    model = attach_tiny(BY_NAME[name], build(config))
    perturb(model.shadow, seed=2, scale=0.2)
    model.eval()
    save_adapter(tmp_path, model, backbone="tiny", backbone_config=config)
    again = load_adapter(tmp_path, build(config), config)
    again.eval()
    inputs = tokens(LENGTH)
    assert mx.array_equal(again(inputs), model(inputs))
    assert mx.array_equal(again.detached()(inputs), model.detached()(inputs))
