"""transformers opens what is exported, with the same logits: compared with what it computed."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model
from safetensors import safe_open

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.export.layout import OPENED_BY_TRANSFORMERS, why_not_transformers
from tests.golden.deterministic import load_golden
from tests.golden.exported import write_exported

GOLDEN = Path(__file__).parents[1] / "golden"
EXPORTED, LOGITS = load_golden(GOLDEN / "exported.json")
FAMILIES, ARRAYS = load_golden(GOLDEN / "families.json")
CASES = EXPORTED["cases"]


@pytest.mark.parametrize("case", sorted(LOGITS))
def test_the_folder_is_the_one_that_transformers_opened(case: str, tmp_path: Path) -> None:
    name, kind = case.split("/")
    folder, _, _ = write_exported(FAMILIES["families"][name], kind, tmp_path)
    assert json.loads((folder / "config.json").read_text()) == CASES[case]["config"]
    with safe_open(folder / "model.safetensors", "numpy") as file:
        shapes = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 - not a mapping
    assert shapes == CASES[case]["tensors"]
    model, _ = load_model(folder)
    found = np.array(model(mx.array(ARRAYS[f"{name}/ids"])))
    theirs = LOGITS[case]
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-5 * float(np.abs(theirs).max()))


@pytest.mark.parametrize("case", sorted(case for case in CASES if "refused" in CASES[case]))
def test_what_cannot_be_exported_is_refused_with_the_reason(case: str, tmp_path: Path) -> None:
    name, kind = case.split("/")
    with pytest.raises(ShadowMLXError) as refused:
        write_exported(FAMILIES["families"][name], kind, tmp_path)
    assert str(refused.value) == CASES[case]["refused"]


def test_transformers_is_promised_only_where_it_was_seen() -> None:
    failed = {CASES[case]["config"]["model_type"] for case in CASES if "failure" in CASES[case]}
    seen = {CASES[case]["config"]["model_type"] for case in LOGITS}
    assert seen - failed == OPENED_BY_TRANSFORMERS
    assert len(seen) >= 8
    assert why_not_transformers({"model_type": "qwen3"}) is None
    assert "not tried" in str(why_not_transformers({"model_type": "jamba"}))
    quantized = {"model_type": "qwen3", "quantization": {"bits": 4}}
    assert "--dequantize" in str(why_not_transformers(quantized))
