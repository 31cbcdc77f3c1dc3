"""Write original.json and original.npz: what the authors' first package computes.

Run with torch, transformers, peft and shadow-peft 0.1.1 installed (see README.md):

    python tests/golden/make_original.py

shadow-peft is another function than PEFT's Shadow, with files of its own. Logits are [B, T, V] =
[2, 7, 96], float32.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import shadow_peft
import torch
from deterministic import adapter_values, load_golden, save_golden, tokens, write_backbone
from oracle import VERSIONS, load_backbone, shapes_of
from safetensors.numpy import save_file

HERE = Path(__file__).parent
SIZES = {"injection_hidden_size": 4, "gate_hidden_size": 6, "alpha": 0.7, "dropout": 0.0}
KV = {"shadow_num_attention_heads": 2, "shadow_num_key_value_heads": 1, "shadow_head_dim": 4}

# name: backbone in core.json, explicit shadow in core.json, options
CASES: dict[str, tuple[str, str | None, dict[str, Any]]] = {
    "mirror": ("qwen3-tied", None, {}),
    "deeper": ("llama-untied", None, {"num_shadow_layers": 2, "shadow_intermediate_size": 24}),
    "fewer-heads": ("qwen3-tied", None, KV),
    "explicit": ("qwen3-tied", "explicit-narrow", {}),
}


def run(
    backbone: Path, shadow: Path | None, options: dict[str, Any], root: Path
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The files' description and the logits of one case."""

    def explicit() -> Any:
        return None if shadow is None else load_backbone(shadow)

    config = shadow_peft.ShadowConfig(**SIZES, **options)
    fresh = shadow_peft.get_shadow_model(load_backbone(backbone), config, shadow_model=explicit())
    folder = root / "adapter"
    fresh.save_pretrained(folder)
    shapes = shapes_of(folder / "shadow_adapter.safetensors")
    save_file(adapter_values(shapes), folder / "shadow_adapter.safetensors")
    model = shadow_peft.ShadowPeftModel.from_pretrained(
        load_backbone(backbone), folder, shadow_model=explicit()
    ).eval()
    ids = torch.from_numpy(tokens("original", (2, 7), 96))
    with torch.no_grad():
        output, states = model.forward_with_shadow(input_ids=ids, use_cache=False)
        detached = model.base_model.get_output_embeddings()(states)
    description = {
        "config": json.loads((folder / "shadow_config.json").read_text()),
        "adapter": shapes,
    }
    return description, {"attached": output.logits.numpy(), "detached": detached.numpy()}


def main() -> None:
    """Regenerate both files."""
    described = load_golden(HERE / "core.json")[0]["backbones"]
    cases, arrays = {}, {"ids": tokens("original", (2, 7), 96).astype(np.int32)}
    for name, (backbone, shadow, options) in CASES.items():
        with tempfile.TemporaryDirectory() as root:
            folders = {
                key: write_backbone(
                    Path(root) / key, described[key]["config"], described[key]["tensors"]
                )
                for key in (backbone, shadow)
                if key is not None
            }
            description, found = run(
                folders[backbone], folders.get(shadow or ""), options, Path(root)
            )
        cases[name] = {"backbone": backbone, "shadow": shadow, **description}
        arrays |= {f"{name}/{key}": value.astype(np.float32) for key, value in found.items()}
        print(name, arrays[f"{name}/attached"][0, 0, :3])
    versions = VERSIONS | {"shadow-peft": shadow_peft.__version__}
    save_golden(HERE / "original.json", {"versions": versions, "cases": cases}, arrays)


if __name__ == "__main__":
    main()
