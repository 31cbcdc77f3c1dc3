"""Write projected.json and projected.npz: what PEFT and shadow-peft compute with projected shadows.

Run with torch, transformers, peft, shadow-peft 0.1.1, mlx and mlx-lm installed, from the root (see
README.md):

    PYTHONPATH=. python tests/golden/make_projected.py           # all
    PYTHONPATH=. python tests/golden/make_projected.py gemma2    # try one family, write nothing

Logits are [B, T, V] = [2, 7, 96], float32: the bare output matrix of the projected states.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
import transformers
from deterministic import load_golden, save_golden, write_backbone
from projected import KINDS, write_projected
from safetensors import safe_open
from shadow_peft.projected_causal_lm import AutoModelForCausalLMWithHiddenProjection

from shadow_mlx import loading
from shadow_mlx.errors import ShadowMLXError

HERE = Path(__file__).parent
FAMILIES, ARRAYS = load_golden(HERE / "families.json")
torch.set_num_threads(1)

GIANT = {"qwen3_5_text"}  # by its folder's type transformers builds a model of billions
SEEN_APART = 2e-5  # of the largest logit; the libraries sum in other orders
KEPT = ("gpt2", "gemma3_text", "llama", "olmo2", "qwen3", "qwen3_moe")
"""Families whose logits are stored; of the others it is recorded whether they are the same."""


def by_shadow_peft(folder: Path, ids: torch.Tensor) -> np.ndarray:
    """Logits of the published class, from the folder alone."""
    model = AutoModelForCausalLMWithHiddenProjection.from_pretrained(folder).eval()
    with torch.no_grad():
        return np.asarray(model(input_ids=ids, use_cache=False).logits.numpy(), np.float32)


def by_peft(folder: Path, backbone: Path, ids: torch.Tensor) -> np.ndarray:
    """Detached logits of a fresh adapter on the backbone, whose ``shadow_model`` is the folder."""
    base = transformers.AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32)
    config = peft.ShadowConfig(task_type="CAUSAL_LM", shadow_model=str(folder), r=4)
    model = peft.get_peft_model(base, config).eval()
    with torch.no_grad():
        found: np.ndarray = model.base_model.unload_shadow()(input_ids=ids).logits.numpy()
        return np.asarray(found, np.float32)


def run(name: str, kind: str, root: Path) -> tuple[dict[str, Any], np.ndarray | None]:
    """The description of one folder, and its logits where both packages agree with ours."""
    import mlx.core as mx

    entry = FAMILIES["families"][name]
    ids = ARRAYS[f"{name}/ids"].astype(np.int64)
    try:
        folder, adapter = write_projected(entry, kind, root)
    except ShadowMLXError as error:
        return {"refused": str(error).replace(str(root), "ROOT")}, None
    with safe_open(folder / "model.safetensors", "numpy") as file:
        shapes = {key: list(file.get_slice(key).get_shape()) for key in sorted(file.keys())}
        head = file.get_tensor("lm_head.weight")
        projection = file.get_tensor("shadow_hidden_projection.weight")
    detached = loading.load_model(None, adapter, "detached", for_training=True)
    states = np.array(detached.shadow.decoder.final_hidden(mx.array(ids)))
    ours = states @ projection.T @ head.T
    plain = write_backbone(
        root / "plain", {**entry["config"], "model_type": name}, entry["tensors"]
    )
    apart: dict[str, str] = {}
    stored = None
    inputs = torch.from_numpy(ids)
    for package, ask in (
        ("shadow-peft", lambda: by_shadow_peft(folder, inputs)),
        ("peft", lambda: by_peft(folder, plain, inputs)),
    ):
        try:
            theirs = ask()
        except Exception as error:  # noqa: BLE001  whatever a package raises is what we record
            said = f"{type(error).__name__}: {error}".splitlines()[0].replace(str(root), "ROOT")
            apart[package] = said[:160]
            continue
        far = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        apart[package] = "the same" if far <= SEEN_APART else f"logits {far:.1e} apart"
        if package == "shadow-peft" and far <= SEEN_APART:
            stored = theirs
    print(f"{name:18} {kind:7} {apart}")
    config = json.loads((folder / "config.json").read_text())
    described: dict[str, Any] = {"found": apart}
    if name in KEPT:
        described |= {"config": config, "tensors": shapes}
    return described, stored if name in KEPT else None


def main(names: list[str]) -> None:
    """Regenerate both files, or try the families named."""
    described: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for name in names or sorted(FAMILIES["families"].keys() - GIANT):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as root:
                case = f"{name}/{kind}"
                described[case], found = run(name, kind, Path(root))
            if found is not None:
                arrays[case] = found
            elif "refused" in described[case]:
                print(case, described[case]["refused"])
    if not names:
        versions = {
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "peft": peft.__version__,
            "shadow-peft": "0.1.1",
        }
        save_golden(HERE / "projected.json", {"versions": versions, "cases": described}, arrays)


if __name__ == "__main__":
    main(sys.argv[1:])
