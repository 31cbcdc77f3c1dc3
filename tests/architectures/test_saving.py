"""Every family: an adapter written to a folder and read back is the same one, to the bit."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from tests.architectures.matrix import BY_NAME, LENGTH, attach_tiny, build, perturb, tokens


@pytest.mark.parametrize("name", BY_NAME)
def test_what_is_read_back_is_what_was_written(name: str, tmp_path: Path) -> None:
    """All weights are equal; the logits but for how a matrix product rounds.

    An array that was read lies in memory otherwise than one that was computed (transposed, in
    GPT-2), and takes another path through the matrix product on some processors.
    """
    config = BY_NAME[name].config
    model = attach_tiny(BY_NAME[name], build(config))
    perturb(model.shadow, seed=2, scale=0.2)
    model.eval()
    save_adapter(tmp_path, model, backbone="tiny", backbone_config=config)
    again = load_adapter(tmp_path, build(config), config)
    again.eval()
    written, read = (dict(tree_flatten(one.parameters())) for one in (model, again))
    assert written.keys() == read.keys()
    assert all(mx.array_equal(read[key], value) for key, value in written.items())
    inputs = tokens(LENGTH)
    for found, expected in (
        (again(inputs), model(inputs)),
        (again.detached()(inputs), model.detached()(inputs)),
    ):
        assert mx.abs(found - expected).max().item() < 5e-5
