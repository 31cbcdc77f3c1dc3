"""Attached and detached logits on every family, against PEFT's.

`tests/golden/README.md` says what the goldens are. Where a family's head does more than multiply by
its output matrix (a scale, a soft-cap), PEFT's detached model leaves that out and ours does not, so
the test puts it back before comparing.

Shapes: B batch, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import numpy.typing as npt
import pytest
from mlx_lm.utils import load_model

from shadow_mlx.checkpoints.peft import load_adapter
from shadow_mlx.shadow.attached import AttachedModel
from tests.golden.deterministic import adapter_values, load_golden, write_adapter, write_backbone

Logits = npt.NDArray[np.float32]

GOLDEN, ARRAYS = load_golden(Path(__file__).parents[1] / "golden" / "families.json")
FAMILIES: dict[str, Any] = GOLDEN["families"]
MIRRORS = {
    f"{name}-{adapter['shadow_layers']}": (name, adapter)
    for name, entry in FAMILIES.items()
    for adapter in entry["adapters"]
    if "failure" not in adapter
}

TOLERANCE = 1e-5  # of the largest logit

# What the family's own model does to the product with its output matrix, from its config.
AFTER_THE_HEAD: dict[str, Callable[[dict[str, Any], Logits], Logits]] = {
    "cohere": lambda config, logits: logits * config["logit_scale"],
    "cohere2": lambda config, logits: logits * config["logit_scale"],
    "granite": lambda config, logits: logits / config["logits_scaling"],
    "granitemoe": lambda config, logits: logits / config["logits_scaling"],
    "gemma2": lambda config, logits: (
        np.tanh(logits / config["final_logit_softcapping"]) * config["final_logit_softcapping"]
    ),
}


def backbone_of(name: str, root: Path) -> tuple[nn.Module, dict[str, Any]]:
    entry = FAMILIES[name]
    folder = write_backbone(root / "backbone", entry["config"], entry["tensors"], for_mlx=True)
    return load_model(folder)


def attached_of(name: str, adapter: dict[str, Any], root: Path) -> AttachedModel:
    values = adapter_values(adapter["adapter"])
    folder = write_adapter(root / "adapter", adapter["adapter_config"], values)
    return load_adapter(folder, *backbone_of(name, root)).eval()


def check(found: mx.array, expected: Logits, what: str) -> None:
    tolerance = TOLERANCE * float(np.abs(expected).max())
    np.testing.assert_allclose(np.array(found), expected, rtol=0, atol=tolerance, err_msg=what)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_plain_backbone_is_transformers(name: str, tmp_path: Path) -> None:
    """If this fails, the configuration differs and what the shadow gives proves nothing."""
    model, _ = backbone_of(name, tmp_path)
    check(model(mx.array(ARRAYS[f"{name}/ids"])), ARRAYS[f"{name}/base"], "base")


@pytest.mark.parametrize("mirror", MIRRORS)
def test_logits_are_pefts(mirror: str, tmp_path: Path) -> None:
    name, adapter = MIRRORS[mirror]
    model = attached_of(name, adapter, tmp_path)
    ids = mx.array(ARRAYS[f"{name}/ids"])
    prefix = f"{name}/{adapter['shadow_layers']}"
    check(model(ids), ARRAYS[f"{prefix}/attached"], "attached")
    finish = AFTER_THE_HEAD.get(name, lambda _, logits: logits)
    detached = finish(FAMILIES[name]["config"], ARRAYS[f"{prefix}/detached"])
    check(model.detached()(ids), detached, "detached")
