"""The forward pass, both losses, every gradient and 20 steps of SGD, against PEFT's.

The goldens are PEFT's numbers in float32 (`tests/golden/README.md`). The two libraries sum in
different orders: on one CPU they were 7e-6 apart on logits up to 8, 2e-6 on losses and gradients,
and after the 20 steps 4e-5 on logits. The tolerances are three to five times that.

Shapes: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

from shadow_mlx.checkpoints.peft import load_adapter
from shadow_mlx.config import ShadowConfig
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.training.losses import Supervised
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.step import TrainingStep
from tests.golden.deterministic import (
    adapter_values,
    fill,
    load_golden,
    write_adapter,
    write_backbone,
)

GOLDEN, ARRAYS = load_golden(Path(__file__).parents[1] / "golden" / "core.json")
CASES: dict[str, Any] = GOLDEN["cases"]
TRAINING = GOLDEN["training"]

NETWORK = "base_model.shadow_backbone.default."
NARROWING = "embedding_projection.weight"
PARTS = {
    "down": "shadow_down.default",
    "up": "shadow_up.default",
    "transform.first": "shadow_update_transform.default.0",
    "transform.second": "shadow_update_transform.default.2",
    "gate.first": "shadow_update_gate.default.0",
    "gate.second": "shadow_update_gate.default.2",
}


def peft_name(ours: str) -> str:
    """What the golden calls a trained parameter of a Qwen3 or a Llama."""
    path = ours.removeprefix("shadow.")
    if path.startswith("layers."):
        _, index, part = path.split(".", 2)
        module, _, kind = part.rpartition(".")
        return f"base_model.model.model.layers.{index}.{PARTS[module]}.{kind}"
    if path == "backbone.projection.weight":
        return "base_model.shadow_projection.default.weight"
    if path == "backbone.inner.embed_tokens.projection.weight":
        return NARROWING
    return path.replace("backbone.inner.", NETWORK, 1)


def fresh_backbone(case: dict[str, Any], root: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The case's backbone and its configuration."""
    entry = GOLDEN["backbones"][case["backbone"]]
    return load_model(write_backbone(root / "backbone", entry["config"], entry["tensors"]))


def written_by_peft(case: dict[str, Any], root: Path) -> AttachedModel:
    """The case's adapter, read from the folder that PEFT writes: a module for every block."""
    shadow = None
    if case["shadow"]:
        entry = GOLDEN["backbones"][case["shadow"]]
        shadow = write_backbone(root / "shadow", entry["config"], entry["tensors"])
    values = adapter_values(case["adapter"], case["sharing"])
    folder = write_adapter(root / "adapter", case["adapter_config"], values, shadow)
    backbone, config = fresh_backbone(case, root)
    return load_adapter(folder, backbone, config)


def as_trained(case: dict[str, Any], root: Path) -> AttachedModel:
    """The case's weights where this project trains them: one module, a learned narrowing."""
    source = written_by_peft(case, root)
    backbone, config = fresh_backbone(case, root)
    model = attach(
        backbone,
        config,
        dataclasses.replace(source.config, sharing=case["sharing"]),
        shadow_model_config=source.shadow.backbone.model_config,
        own_table=case["embeddings"] == "table",
    )
    for target, origin in zip(model.shadow.layers, source.shadow.layers, strict=False):
        target.update(origin.parameters())
    weights = dict(tree_flatten(source.shadow.backbone.parameters()))
    if case["embeddings"] == "projected":
        width = weights.pop("inner.embed_tokens.weight").shape[1]
        narrowing = fill(NARROWING, (width, 32))
        weights["inner.embed_tokens.projection.weight"] = mx.array(narrowing)
    model.shadow.backbone.load_weights(list(weights.items()))
    if case["embeddings"] == "table":
        model.shadow.backbone.decoder.embedding.unfreeze()  # trained by PEFT, frozen by us
    return model.eval()


def batch() -> Supervised:
    """The golden's batch: every row's labels one token ahead, the ignored ones left out."""
    ids, labels = ARRAYS["ids"], ARRAYS["labels"][:, 1:]
    trained = labels != TRAINING["ignored_label"]
    positions = np.flatnonzero(trained)
    return Supervised(
        inputs=mx.array(ids[:, :-1]),
        positions=mx.array(positions.astype(np.int32)),
        targets=mx.array(labels[trained].astype(np.int32)),
        weights=mx.ones(len(positions)),
        labels=mx.ones(len(positions)),
    )


def close(found: Any, expected: Any, tolerance: float, what: str) -> None:
    np.testing.assert_allclose(np.array(found), expected, rtol=0, atol=tolerance, err_msg=what)


def check_logits(model: AttachedModel, name: str, suffix: str, tolerance: float) -> None:
    ids = mx.array(ARRAYS["ids"])
    close(model(ids), ARRAYS[f"{name}/attached{suffix}"], tolerance, "attached")
    close(model.detached()(ids), ARRAYS[f"{name}/detached{suffix}"], tolerance, "detached")


@pytest.mark.parametrize("name", CASES)
def test_logits_are_pefts(name: str, tmp_path: Path) -> None:
    check_logits(as_trained(CASES[name], tmp_path), name, "", 2e-5)


@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_are_pefts(name: str, tmp_path: Path) -> None:
    model = as_trained(CASES[name], tmp_path)
    examples = batch()
    count = examples.positions.size
    objective = FineTuning(model.config.aux_weight)

    def total() -> tuple[mx.array, mx.array]:
        value, losses = objective(model, examples, differentiable=True)
        return value / count, mx.stack(list(losses.values())) / count

    (loss, parts), tree = nn.value_and_grad(model, total)()
    close([*parts.tolist(), loss.item()], ARRAYS[f"{name}/losses"][0], 1e-5, "losses")
    gradients = {peft_name(path): value for path, value in tree_flatten(tree)}
    prefix = f"{name}/gradient/"
    expected = {key.removeprefix(prefix) for key in ARRAYS if key.startswith(prefix)}
    assert expected <= set(gradients)
    for key, found in gradients.items():
        # What PEFT's loss does not reach (the last block's T and G) has no gradient there.
        theirs = ARRAYS[prefix + key] if key in expected else np.zeros(found.shape, np.float32)
        close(found, theirs, 1e-5, key)


@pytest.mark.parametrize("name", CASES)
def test_twenty_steps_of_sgd_are_pefts(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    model = as_trained(case, tmp_path)
    examples = batch()
    count = examples.positions.size
    weight = model.config.aux_weight
    optimizer = optim.MultiOptimizer([optim.SGD(TRAINING["learning_rate"])])
    step = TrainingStep(model, optimizer, FineTuning(weight))
    history = []
    for number in range(1, TRAINING["steps"] + 1):
        result = step.finish(step.start(number, [examples], count, (0.0, 0.0)))
        task, shadow = (total / count for total in result.losses.values())
        history.append([task, shadow, task + weight * shadow])
    close(history, ARRAYS[f"{name}/losses"], 1e-5, "losses")
    # twenty steps amplify rounding, which differs from one processor's matrix product to another's
    # and grows with the numbers themselves
    largest = float(np.abs(ARRAYS[f"{name}/attached_after"]).max())
    check_logits(model, name, "_after", 2e-4 * largest)
    trained = {peft_name(path): value for path, value in tree_flatten(model.trainable_parameters())}
    for key, norm in case["norms_after"].items():
        assert np.linalg.norm(np.array(trained[key])) == pytest.approx(norm, rel=1e-5), key


@pytest.mark.parametrize("shadow", ["explicit-equal", "explicit-projected"])
def test_a_fresh_explicit_shadow_is_its_folder(shadow: str, tmp_path: Path) -> None:
    name = f"qwen3-tied/depth/{shadow}"
    entry = GOLDEN["backbones"][shadow]
    folder = write_backbone(tmp_path / "shadow", entry["config"], entry["tensors"])
    backbone, config = fresh_backbone(CASES[name], tmp_path)
    ids = mx.array(ARRAYS["ids"])
    plain = np.array(backbone(ids))
    model = attach(backbone, config, ShadowConfig(shadow=str(folder))).eval()
    close(model.detached()(ids), ARRAYS[f"{name}/fresh_detached"], 2e-5, "detached")
    close(model(ids), plain, 0, "an untrained shadow changes nothing")
