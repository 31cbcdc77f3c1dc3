"""Write adapters with shadow-mlx, open them with PEFT, and compare the logits.

Needs torch, transformers and peft (see README.md) beside this project's own requirements:

    python tests/golden/check_peft_opens_ours.py            # all
    python tests/golden/check_peft_opens_ours.py qwen3      # one family

For every family of families.json: `sharing` depth and layer, a mirror of the backbone's width, a
narrower one (PEFT reads the product of embeddings and projection as its table), an explicit shadow,
and a published projected one. Exits 1 if anything differs, or if PEFT warns of missing tensors.
"""

import contextlib
import io
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import peft
import torch
from deterministic import fill, load_golden, write_backbone
from mlx.utils import tree_map_with_path
from mlx_lm.utils import load_model
from oracle import load_backbone
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).parents[2]))

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.checkpoints.record import read_record
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.attached import attach

HERE = Path(__file__).parent
TOLERANCE = 1e-4
NARROW = {"shadow_hidden_size": 16}
FEWER_HEADS = {"shadow_heads": 2}  # not where the mirrored block is no attention block
HYBRID = ("lfm2", "qwen3_next", "qwen3_5_text")
BARE_HEAD = ("cohere", "cohere2", "granite", "granitemoe", "gemma2")
EXPECTED_WARNINGS = ("Unexpected keyword arguments",)  # the key shadow_mlx
UNREAD = (".wte.", ".embed_in.")  # a table that PEFT's mirror keeps and never reads


def write_ours(
    folders: dict[str, Path], options: dict[str, Any], ids: mx.array
) -> tuple[str | None, np.ndarray, np.ndarray]:
    """Why PEFT could not open it (or None), and our attached and detached logits."""
    model, config = load_model(folders["backbone for mlx"])
    settings = ShadowConfig(rank=4, update_hidden_size=6, alpha=0.7, **options)
    attached = attach(model, config, settings).eval()
    trained = tree_map_with_path(
        lambda name, w: mx.array(fill(name, w.shape)), attached.shadow.trainable_parameters()
    )
    attached.shadow.update(trained)
    save_adapter(
        folders["adapter"], attached, backbone=str(folders["backbone"]), backbone_config=config
    )
    reason = read_record(folders["adapter"]).not_for_peft
    return reason, np.array(attached(ids)), np.array(attached.detached()(ids))


def read_with_peft(folders: dict[str, Path], ids: torch.Tensor) -> tuple[Any, Any, list[str]]:
    """PEFT's attached and detached logits (None where it has no detached model), and warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = peft.PeftModel.from_pretrained(
            load_backbone(folders["backbone"]), folders["adapter"]
        ).eval()
    told = [str(w.message).splitlines()[0] for w in caught if issubclass(w.category, UserWarning)]
    told = [
        text
        for text in told
        if not text.startswith(EXPECTED_WARNINGS)
        and not ("missing adapter keys" in text and any(name in text for name in UNREAD))
    ]
    with torch.no_grad():
        attached = model(input_ids=ids, use_cache=False).logits.numpy()
        try:
            detached = model.base_model.unload_shadow()(input_ids=ids).logits.numpy()
        except Exception:  # noqa: BLE001  recorded in families.json as detached_failure
            detached = None
    return attached, detached, told


def write_projected(folder: Path, entry: dict[str, Any], width: int) -> Path:
    """The model of ``entry`` as a published shadow projected to ``width``."""
    folder.mkdir(exist_ok=True)
    published = {
        "model_type": "causal_lm_with_hidden_projection",
        "shadow_model_config": entry["config"],
        "base_hidden_size": width,
        "vocab_size": entry["config"]["vocab_size"],
    }
    (folder / "config.json").write_text(json.dumps(published))
    shapes = {
        name.replace("model.", "shadow_model."): shape for name, shape in entry["tensors"].items()
    } | {"shadow_hidden_projection.weight": [width, 32], "lm_head.weight": [96, width]}
    values = {name: fill(name, shape) for name, shape in shapes.items()}
    save_file(values, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def check(name: str, entry: dict[str, Any], ids: np.ndarray, root: Path) -> list[str]:
    """One line for each kind of adapter; a line with DIFFERS is a failure."""
    folders = {
        "backbone": write_backbone(
            # mlx-lm may know the model by another type, under which transformers builds a giant
            root / name,
            {**entry["config"], "model_type": name},
            entry["tensors"],
        ),
        "backbone for mlx": write_backbone(
            root / f"{name} for mlx", entry["config"], entry["tensors"], for_mlx=True
        ),
    }
    width = entry["config"].get("hidden_size", 32)
    shadow = load_golden(HERE / "families.json")[0]["families"]["qwen3"]
    projected = write_projected(root / f"projected to {width}", shadow, width)
    lines = []
    kinds: dict[str, dict[str, Any]] = {
        "equal": {},
        "narrow": NARROW if name in HYBRID else NARROW | FEWER_HEADS,
        "explicit": {"shadow": str(root / "shadow")},
        "projected": {"shadow": str(projected)},
    }
    for kind, options in kinds.items():
        for sharing in ("depth", "layer"):
            folders["adapter"] = root / f"{name}-{kind}-{sharing}"
            label = f"{name:18} {kind:9} {sharing:6}"
            try:
                reason, *ours = write_ours(folders, {**options, "sharing": sharing}, mx.array(ids))
            except ConfigError as error:
                lines.append(f"{label} not built: {error}")
                continue
            if reason is not None:
                lines.append(f"{label} not for PEFT: {reason}")
                continue
            *theirs, told = read_with_peft(folders, torch.from_numpy(ids).long())
            found = [
                None if b is None else np.abs(a - b).max()
                for a, b in zip(ours, theirs, strict=True)
            ]
            if name in BARE_HEAD:
                found[1] = None
            bad = any(value is not None and not value < TOLERANCE for value in found) or told
            shown = " ".join("   -   " if v is None else f"{v:.1e}" for v in found)
            lines.append(f"{label} {shown} {'DIFFERS ' + '; '.join(told) if bad else ''}".rstrip())
    return lines


def main() -> int:
    """Print a line for each adapter: largest differences of attached and of detached logits."""
    golden, arrays = load_golden(HERE / "families.json")
    names = sys.argv[1:] or [
        name
        for name, entry in golden["families"].items()
        if not all("failure" in adapter for adapter in entry["adapters"])
    ]
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        shadow = golden["families"]["qwen3"]
        write_backbone(Path(root) / "shadow", shadow["config"], shadow["tensors"])
        for name in names:
            with contextlib.redirect_stderr(io.StringIO()):
                lines = check(name, golden["families"][name], arrays[f"{name}/ids"], Path(root))
            failed += sum("DIFFERS" in line for line in lines)
            print("\n".join(lines), flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
