"""Write families.json and families.npz: PEFT Shadow on one tiny model of every family.

Run with torch, transformers and peft installed (see README.md):

    python tests/golden/make_families.py            # all
    python tests/golden/make_families.py gemma3     # print one family, write nothing

Logits are [B, T, V] = [2, 7, 96], float32.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from deterministic import adapter_values, save_golden, tokens, write_backbone
from families import FAMILIES, VOCAB, Family
from oracle import VERSIONS, describe_adapter, describe_backbone, load_adapted, load_backbone

HERE = Path(__file__).parent


def adapter_config(layers: int) -> peft.ShadowConfig:
    """The default mirror, one or more layers deep."""
    return peft.ShadowConfig(
        task_type="CAUSAL_LM",
        r=4,
        shadow_alpha=0.7,
        shadow_dropout=0.0,
        shadow_num_hidden_layers=None if layers == 1 else layers,
    )


def detached_logits(model: peft.PeftModel, ids: torch.Tensor) -> tuple[np.ndarray, str | None]:
    """Detached logits and, where PEFT's own detached model fails, why.

    PEFT's detached model is head(backbone(embed(ids))); where its wrapper refuses the family, the
    same three are called one after the other.
    """
    tuner = model.base_model
    try:
        return tuner.unload_shadow()(input_ids=ids).logits.numpy(), None
    except Exception as error:  # noqa: BLE001  whatever PEFT raises is what we record
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
    embeddings = model.get_input_embeddings()(ids)
    hidden = tuner.shadow_backbone["default"](inputs_embeds=embeddings, use_cache=False)
    head = tuner.model.get_output_embeddings()
    return head(hidden.last_hidden_state).numpy(), reason


def run_adapter(
    base: Path, layers: int, ids: torch.Tensor
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The description and the logits of a mirror of ``layers`` layers."""
    description: dict[str, Any] = {"shadow_layers": layers}
    try:
        config, shapes = describe_adapter(base, adapter_config(layers))
        description |= {"adapter_config": config, "adapter": shapes}
        model = load_adapted(base, base / f"adapter-{layers}", config, adapter_values(shapes))
        with torch.no_grad():
            attached = model(input_ids=ids, use_cache=False).logits.numpy()
            detached, failure = detached_logits(model, ids)
    except Exception as error:  # noqa: BLE001  whatever PEFT raises is what we record
        description["failure"] = f"{type(error).__name__}: {error}".splitlines()[0]
        return description, {}
    if failure is not None:
        description["detached_failure"] = failure
    return description, {"attached": attached, "detached": detached}


def run(name: str, family: Family, root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The description and the arrays of one family."""
    torch.manual_seed(0)
    config, shapes = describe_backbone(name, family.options, family.legacy)
    shapes = {key.removeprefix(family.strip): shape for key, shape in shapes.items()}
    base = write_backbone(root / name, config, shapes)
    ids = torch.from_numpy(tokens(f"{name} batch", (2, 7), VOCAB))
    with torch.no_grad():
        plain = load_backbone(base)(input_ids=ids, use_cache=False).logits.numpy()
    description: dict[str, Any] = {"config": config | family.mlx, "tensors": shapes}
    if family.note:
        description["note"] = family.note
    arrays: dict[str, Any] = {"ids": ids.numpy().astype(np.int32), "base": plain}
    description["adapters"] = []
    for layers in family.shadow_layers:
        described, found = run_adapter(base, layers, ids)
        description["adapters"].append(described)
        arrays |= {f"{layers}/{key}": value for key, value in found.items()}
        outcome = described.get("failure") or described.get("detached_failure") or "ok"
        spread = {key: round(float(np.abs(value).max()), 2) for key, value in found.items()}
        print(f"{name:18} {layers} layers  base {np.abs(plain).max():.2f} {spread} {outcome}")
    return description, arrays


def main(names: list[str]) -> None:
    """Regenerate both files, or try the families named."""
    described: dict[str, Any] = {}
    arrays: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root:
        for name in names or FAMILIES:
            described[name], found = run(name, FAMILIES[name], Path(root))
            arrays |= {f"{name}/{key}": value for key, value in found.items()}
    if not names:
        found = {"versions": VERSIONS, "families": described}
        save_golden(HERE / "families.json", found, arrays)


if __name__ == "__main__":
    main(sys.argv[1:])
