"""Every family that PEFT adapts: its folder is read, computes the same, and is written again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model
from safetensors import safe_open

from shadow_mlx.checkpoints.peft import load_adapter, save_adapter
from tests.golden.deterministic import adapter_values, load_golden, write_adapter, write_backbone

DESCRIBED, ARRAYS = load_golden(Path(__file__).parents[1] / "golden" / "families.json")
CASES = [
    pytest.param(name, depth, id=f"{name}-{depth}")
    for name, entry in DESCRIBED["families"].items()
    for depth, adapter in enumerate(entry["adapters"])
    if "failure" not in adapter
]
BARE_HEAD = ("cohere", "cohere2", "granite", "granitemoe", "gemma2")
"""PEFT's detached logits lack what these do after the output matrix; ours have it."""


def folders(name: str, depth: int, root: Path) -> tuple[Path, Path, dict[str, Any]]:
    entry = DESCRIBED["families"][name]
    adapter = entry["adapters"][depth]
    values = adapter_values(adapter["adapter"])
    return (
        write_backbone(root / "backbone", entry["config"], entry["tensors"], for_mlx=True),
        write_adapter(root / "adapter", adapter["adapter_config"], values),
        adapter,
    )


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_read_and_written_again(name: str, depth: int, tmp_path: Path) -> None:
    backbone, adapter, golden = folders(name, depth, tmp_path)
    model, config = load_model(backbone)
    attached = load_adapter(adapter, model, config).eval()
    ids = mx.array(ARRAYS[f"{name}/ids"])
    arrays = f"{name}/{golden['shadow_layers']}"
    np.testing.assert_allclose(attached(ids), ARRAYS[f"{arrays}/attached"], rtol=0, atol=1e-4)
    if name not in BARE_HEAD:
        detached = attached.detached()(ids)
        np.testing.assert_allclose(detached, ARRAYS[f"{arrays}/detached"], rtol=0, atol=1e-4)

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
