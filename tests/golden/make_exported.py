"""Write exported.json and exported.npz: what transformers computes with exported folders.

Run with torch, transformers, mlx and mlx-lm installed, from the root (see README.md):

    PYTHONPATH=. python tests/golden/make_exported.py           # all
    PYTHONPATH=. python tests/golden/make_exported.py gemma2    # try one family, write nothing

Logits are [B, T, V] = [2, 7, 96], float32.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from deterministic import load_golden, save_golden
from exported import KINDS, write_exported
from safetensors import safe_open

from shadow_mlx.errors import ShadowMLXError

HERE = Path(__file__).parent
FAMILIES, ARRAYS = load_golden(HERE / "families.json")
torch.set_num_threads(1)

NOT_TRIED = {"falcon_h1", "qwen3_next", "qwen3_5_text"}  # hybrids; nothing is said of them
SEEN_APART = 2e-5  # of the largest logit; the libraries sum in other orders


def logits(folder: Path, ids: np.ndarray) -> np.ndarray:
    """What transformers computes with the folder, which it must load exactly."""
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {key: sorted(info[key]) for key in ("missing_keys", "unexpected_keys") if info[key]}
    if wrong or info["mismatched_keys"]:
        raise ValueError(f"not loaded exactly: {wrong} {info['mismatched_keys']}")
    with torch.no_grad():
        found: np.ndarray = model.eval()(input_ids=torch.from_numpy(ids), use_cache=False).logits
        return np.asarray(found, np.float32)


def run(name: str, kind: str, root: Path) -> tuple[dict[str, Any], np.ndarray | None]:
    """The description of one folder, and its logits."""
    entry = FAMILIES["families"][name]
    ids = ARRAYS[f"{name}/ids"].astype(np.int64)
    try:
        folder, detached, _ = write_exported(entry, kind, root)
    except ShadowMLXError as error:
        return {"refused": str(error)}, None
    with safe_open(folder / "model.safetensors", "numpy") as file:
        shapes = {key: list(file.get_slice(key).get_shape()) for key in sorted(file.keys())}
    described = {"config": json.loads((folder / "config.json").read_text()), "tensors": shapes}
    import mlx.core as mx

    ours = np.array(detached(mx.array(ids)))
    try:
        theirs = logits(folder, ids)
    except Exception as error:  # noqa: BLE001  whatever transformers raises is what we record
        return described | {"failure": f"{type(error).__name__}: {error}".splitlines()[0]}, None
    apart = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    print(f"{name:18} {kind:7} {apart:.1e}")
    if apart > SEEN_APART:
        return described | {"failure": f"logits {apart:.1e} apart"}, None
    return described, theirs


def main(names: list[str]) -> None:
    """Regenerate both files, or try the families named."""
    described: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    for name in names or sorted(FAMILIES["families"].keys() - NOT_TRIED):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as root:
                case = f"{name}/{kind}"
                described[case], found = run(name, kind, Path(root))
            if found is None:
                print(case, described[case].get("failure") or described[case].get("refused"))
            else:
                arrays[case] = found
    if not names:
        versions = {
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
        }
        save_golden(HERE / "exported.json", {"versions": versions, "cases": described}, arrays)


if __name__ == "__main__":
    main(sys.argv[1:])
