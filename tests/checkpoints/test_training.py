import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.checkpoints.training import RECORD, TENSORS, load_state, restore, save_state
from shadow_mlx.errors import CheckpointError


class Small(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.layers = [nn.Linear(2, width), nn.Linear(width, 2)]


def trained(width: int = 3, seed: int = 0) -> tuple[Small, optim.MultiOptimizer]:
    """A model and its optimizer after a step with random gradients."""
    model = Small(width)
    optimizer = optim.MultiOptimizer(
        [optim.AdamW(1e-2), optim.Adam(1e-2)], [lambda name, weight: weight.ndim > 1]
    )
    optimizer.init(model.trainable_parameters())
    keys = iter(mx.random.split(mx.random.key(seed), 10))
    gradients = nn.utils.tree_map(
        lambda w: mx.random.normal(w.shape, key=next(keys)), model.trainable_parameters()
    )
    optimizer.update(model, gradients)
    return model, optimizer


def arrays_of(model: Small, optimizer: optim.Optimizer) -> dict[str, list]:
    pairs = tree_flatten([model.trainable_parameters(), optimizer.state])
    return {name: array.tolist() for name, array in pairs}


def test_everything_comes_back_into_the_same_containers(tmp_path: Path):
    model, optimizer = trained()
    save_state(tmp_path, model, optimizer, {}, {"step": 7, "loss": 1 / 3})
    other, others_optimizer = trained(seed=1)
    containers = [id(state) for state in others_optimizer.state["states"]]
    saved = load_state(tmp_path)
    restore(saved, other, others_optimizer)
    assert arrays_of(other, others_optimizer) == arrays_of(model, optimizer)
    assert [id(state) for state in others_optimizer.state["states"]] == containers
    assert saved.record == {"step": 7, "loss": 1 / 3}


def test_a_read_state_outlives_its_files(tmp_path: Path):
    model, optimizer = trained()
    save_state(tmp_path, model, optimizer, {}, {})
    saved = load_state(tmp_path)
    (tmp_path / TENSORS).unlink()
    other, others_optimizer = trained(seed=1)
    restore(saved, other, others_optimizer)
    assert arrays_of(other, others_optimizer) == arrays_of(model, optimizer)


def test_all_mismatches_are_told_together_and_nothing_changes(tmp_path: Path):
    save_state(tmp_path, *trained(width=4), {}, {})
    model, optimizer = trained(width=3)
    before = arrays_of(model, optimizer)
    with pytest.raises(CheckpointError) as raised:
        restore(load_state(tmp_path), model, optimizer)
    assert "layers.0.weight: expected float32[3, 2], found float32[4, 2]" in str(raised.value)
    assert len(raised.value.mismatches) > 4
    assert arrays_of(model, optimizer) == before


def test_a_missing_and_an_extra_tensor_are_named(tmp_path: Path):
    model, optimizer = trained()
    save_state(tmp_path, model, optimizer, {}, {})
    saved = load_state(tmp_path)
    saved.weights["more"] = saved.weights.pop("layers.0.bias")
    with pytest.raises(CheckpointError) as raised:
        restore(saved, model, optimizer)
    assert set(raised.value.mismatches) == {"layers.0.bias: missing", "more: not expected"}


@pytest.mark.parametrize("name", [TENSORS, RECORD])
@pytest.mark.parametrize("damage", ["missing", "short", "noise"])
def test_damaged_files_are_refused(tmp_path: Path, name, damage):
    save_state(tmp_path, *trained(), {}, {})
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(bytes(range(256)))
    with pytest.raises(CheckpointError, match=name):
        load_state(tmp_path)


def test_a_later_format_is_refused(tmp_path: Path):
    save_state(tmp_path, *trained(), {}, {})
    record = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    (tmp_path / RECORD).write_text(json.dumps(record | {"format": 99}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="another version"):
        load_state(tmp_path)
