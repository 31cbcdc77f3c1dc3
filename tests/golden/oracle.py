"""Tiny transformers models and PEFT Shadow adapters with the values of `deterministic`.

The torch half of the generators: everything passes through folders on disk, as a user's would.
"""

import json
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from deterministic import PATH_PLACEHOLDER, write_adapter
from safetensors import safe_open

torch.set_num_threads(1)  # tiny models: more threads wait for each other, and sum in other orders

Shapes = dict[str, list[int]]

VERSIONS = {
    "torch": torch.__version__.split("+")[0],
    "transformers": transformers.__version__,
    "peft": peft.__version__,
}

# Written by transformers on saving, of no use to a reader of the golden.
_NOISE = ("transformers_version", "_name_or_path", "architectures", "use_cache", "dtype")


def shapes_of(path: Path) -> Shapes:
    """Names and shapes of the tensors in a safetensors file, sorted by name."""
    with safe_open(path, "numpy") as file:
        return {name: list(file.get_slice(name).get_shape()) for name in sorted(file.keys())}


def describe_backbone(
    model_type: str, options: dict[str, Any], legacy: dict[str, Any] | None = None
) -> tuple[dict[str, Any], Shapes]:
    """The config and the saved tensors of a causal language model.

    ``legacy`` holds the older top-level config keys that mlx-lm reads and transformers 5 no longer
    writes.
    """
    config = transformers.AutoConfig.for_model(model_type, **deepcopy(options))
    model = transformers.AutoModelForCausalLM.from_config(config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = json.loads((Path(folder) / "config.json").read_text())
        shapes = shapes_of(Path(folder) / "model.safetensors")
    kept = {key: value for key, value in saved.items() if key not in _NOISE}
    return kept | (legacy or {}), shapes


def load_backbone(folder: Path) -> transformers.PreTrainedModel:
    """The model in ``folder``, float32, plain attention, no dropout."""
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    wrong = {key: sorted(info[key]) for key in ("missing_keys", "unexpected_keys") if info[key]}
    if wrong:
        raise ValueError(f"{folder.name}: transformers did not load the folder exactly: {wrong}")
    return model.eval()


def describe_adapter(base_folder: Path, config: peft.ShadowConfig) -> tuple[dict[str, Any], Shapes]:
    """The adapter_config.json that PEFT writes and the tensors it saves."""
    model = peft.get_peft_model(load_backbone(base_folder), config)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        saved = json.loads((Path(folder) / "adapter_config.json").read_text())
        shapes = shapes_of(Path(folder) / "adapter_model.safetensors")
    saved["target_modules"] = sorted(saved["target_modules"])
    saved["base_model_name_or_path"] = None
    if saved["shadow_model"] != "mirror":
        saved["shadow_model"] = PATH_PLACEHOLDER
    return saved, shapes


def load_adapted(
    base_folder: Path,
    adapter_folder: Path,
    adapter_config: dict[str, Any],
    tensors: dict[str, Any],
    shadow: Path | None = None,
) -> peft.PeftModel:
    """Write the adapter and load it on its backbone, trainable."""
    write_adapter(adapter_folder, adapter_config, tensors, shadow)
    model = peft.PeftModel.from_pretrained(
        load_backbone(base_folder), adapter_folder, is_trainable=True
    )
    return model.eval()
