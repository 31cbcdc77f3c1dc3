"""Every family that PEFT adapts: its folder is read, computes the same, and is written again.

`tests/golden/README.md` says what the goldens are. Names, shapes and layouts of each family's
tensors are compared here, too: what is written again is the file that PEFT wrote.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import numpy.typing as npt
import pytest
from mlx_lm.utils import load_model
from safetensors import safe_open

from shadow_mlx.backbones.keys import FAMILIES, family_of
from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from tests.golden.deterministic import adapter_values, load_golden, write_adapter, write_backbone

Logits = npt.NDArray[np.float32]

DESCRIBED, ARRAYS = load_golden(Path(__file__).parents[1] / "golden" / "families.json")
CASES = [
    pytest.param(name, depth, id=f"{name}-{depth}")
    for name, entry in DESCRIBED["families"].items()
    for depth, adapter in enumerate(entry["adapters"])
    if "failure" not in adapter
]
AFTER_THE_HEAD: dict[str, Callable[[dict[str, Any], Logits], Logits]] = {
    "cohere": lambda config, logits: logits * config["logit_scale"],
    "cohere2": lambda config, logits: logits * config["logit_scale"],
    "granite": lambda config, logits: logits / config["logits_scaling"],
    "granitemoe": lambda config, logits: logits / config["logits_scaling"],
    "gemma2": lambda config, logits: (
        np.tanh(logits / config["final_logit_softcapping"]) * config["final_logit_softcapping"]
    ),
}
"""What a family's own model does behind its output matrix, and PEFT's detached one does not."""


def check(found: mx.array, expected: Logits, what: str) -> None:
    tolerance = 1e-5 * float(np.abs(expected).max())
    np.testing.assert_allclose(np.array(found), expected, rtol=0, atol=tolerance, err_msg=what)


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_read_and_written_again(name: str, depth: int, tmp_path: Path) -> None:
    entry = DESCRIBED["families"][name]
    golden = entry["adapters"][depth]
    backbone = write_backbone(
        tmp_path / "backbone", entry["config"], entry["tensors"], for_mlx=True
    )
    values = adapter_values(golden["adapter"])
    adapter = write_adapter(tmp_path / "adapter", golden["adapter_config"], values)
    model, config = load_model(backbone)
    ids = mx.array(ARRAYS[f"{name}/ids"])
    # where this fails the two libraries differ, and what the shadow gives proves nothing
    check(model(ids), ARRAYS[f"{name}/base"], "base")
    attached = load_adapter(adapter, model, config).eval()
    arrays = f"{name}/{golden['shadow_layers']}"
    check(attached(ids), ARRAYS[f"{arrays}/attached"], "attached")
    finish = AFTER_THE_HEAD.get(name, lambda _, logits: logits)
    check(attached.detached()(ids), finish(config, ARRAYS[f"{arrays}/detached"]), "detached")

    save_adapter(tmp_path / "ours", attached, backbone="some/model", backbone_config=config)
    ours = json.loads((tmp_path / "ours" / "adapter_config.json").read_text())
    assert ours.pop("shadow_mlx")["not_for_peft"] is None
    assert ours == {**golden["adapter_config"], "base_model_name_or_path": "some/model"}
    files = [folder / "adapter_model.safetensors" for folder in (adapter, tmp_path / "ours")]
    with safe_open(files[0], "numpy") as old, safe_open(files[1], "numpy") as new:
        # A table called otherwise than embed_tokens stays in PEFT's file, random and never read.
        unread = {key for key in old.keys() if key.endswith((".wte.weight", ".embed_in.weight"))}  # noqa: SIM118
        assert {*new.keys()} == {*old.keys()} - unread
        for key in new.keys():  # noqa: SIM118 - not a mapping
            np.testing.assert_allclose(
                new.get_tensor(key), old.get_tensor(key), rtol=0, atol=2e-7, err_msg=key
            )


def test_a_family_has_a_key_map_where_it_was_compared() -> None:
    compared = {DESCRIBED["families"][case.values[0]]["config"]["model_type"] for case in CASES}
    assert compared == FAMILIES.keys()
    assert family_of("jamba") is None
