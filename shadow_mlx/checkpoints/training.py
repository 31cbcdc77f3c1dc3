"""The state of a run, exactly: trained weights, optimizer, and the record of where it stands.

The random generators need no entry: each step derives its seed from the run's seed and its own
number, and the order of the data from the seed and the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
from mlx.utils import tree_flatten, tree_unflatten

from shadow_mlx.errors import CheckpointError
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.writing import load_safetensors, save_safetensors, write_json

FORMAT = 1
TENSORS = "state.safetensors"
RECORD = "state.json"
_WEIGHTS, _OPTIMIZER, _UNITS = "weights.", "optimizer.", "units."


@dataclass(frozen=True)
class SavedState:
    """What one checkpoint holds.

    Attributes:
        where: The folder that it was read from.
        weights: Trained weights by their path in the model.
        optimizer: Arrays of the optimizer by their path in its state.
        units: What the weights are measured in while they train, by path; runs of before have none.
        record: Step, data cursor, best loss …, as the loop gave it.
    """

    where: Path
    weights: dict[str, mx.array]
    optimizer: dict[str, mx.array]
    units: dict[str, mx.array]
    record: dict[str, Any]


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: optim.Optimizer,
    units: Mapping[str, mx.array],
    record: Mapping[str, Any],
) -> None:
    """Write the state into ``folder`` (of which the caller makes a checkpoint, atomically).

    Raises:
        SurroundingsError: The disk refuses.
    """
    tensors = {_WEIGHTS + name: w for name, w in tree_flatten(model.trainable_parameters())}
    tensors |= {_OPTIMIZER + name: w for name, w in tree_flatten(optimizer.state)}
    tensors |= {_UNITS + name: unit for name, unit in units.items()}
    save_safetensors(folder / TENSORS, tensors, {"format": "mlx"})
    write_json(folder / RECORD, {"format": FORMAT, **record})


def load_record(folder: Path) -> dict[str, Any]:
    """The record alone, without reading tensors.

    Raises:
        CheckpointError: It is missing, broken, or of a later version.
    """
    path = folder / RECORD
    try:
        record = read_object(path)
    except (OSError, JsonFileError) as error:
        raise CheckpointError(path, [f"cannot be read: {error}"]) from error
    if record.pop("format", None) != FORMAT:
        raise CheckpointError(path, [f"expected a record of format {FORMAT}: another version's?"])
    return record


def load_state(folder: Path) -> SavedState:
    """Read a checkpoint into memory.

    Raises:
        CheckpointError: A file is missing or broken.
    """
    record = load_record(folder)
    path = folder / TENSORS
    try:
        tensors = load_safetensors(path)
    except (RuntimeError, ValueError, OSError) as error:
        raise CheckpointError(path, [f"cannot be read: {error}"]) from error
    mx.eval(tensors)  # not lazily: pruning removes the file
    parts: dict[str, dict[str, mx.array]] = {_WEIGHTS: {}, _OPTIMIZER: {}, _UNITS: {}}
    for name, tensor in tensors.items():
        for prefix, part in parts.items():
            if name.startswith(prefix):
                part[name.removeprefix(prefix)] = tensor
    return SavedState(folder, parts[_WEIGHTS], parts[_OPTIMIZER], parts[_UNITS], record)


def restore(saved: SavedState, model: nn.Module, optimizer: optim.Optimizer) -> None:
    """Put a saved state into a model and its initialised optimizer.

    Raises:
        CheckpointError: Names, shapes or dtypes differ; nothing is changed then.
    """
    weights = dict(tree_flatten(model.trainable_parameters()))
    moments = dict(tree_flatten(optimizer.state))
    mismatches = _differences(weights, saved.weights) + _differences(moments, saved.optimizer)
    if mismatches:
        raise CheckpointError(saved.where / TENSORS, mismatches)
    model.update(tree_unflatten(list(saved.weights.items())))
    _fill(optimizer.state, saved.optimizer, "")


def _differences(expected: Mapping[str, mx.array], found: Mapping[str, mx.array]) -> list[str]:
    missing = [f"{name}: missing" for name in expected if name not in found]
    extra = [f"{name}: not expected" for name in found if name not in expected]
    differing = [
        f"{name}: expected {_describe(array)}, found {_describe(found[name])}"
        for name, array in expected.items()
        if name in found and _describe(array) != _describe(found[name])
    ]
    return missing + extra + differing


def _describe(array: mx.array) -> str:
    return f"{str(array.dtype).removeprefix('mlx.core.')}{list(array.shape)}"


def _fill(tree: Any, arrays: Mapping[str, mx.array], path: str) -> None:
    """In place: a compiled step holds on to the containers."""
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, mx.array):
            tree[key] = arrays[f"{path}{key}"]
        else:
            _fill(value, arrays, f"{path}{key}.")
