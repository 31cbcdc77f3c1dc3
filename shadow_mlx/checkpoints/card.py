"""The model card (``README.md``) of an adapter folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shadow_mlx.checkpoints.record import AdapterRecord
from shadow_mlx.config.shadow import Sharing
from shadow_mlx.shadow.shadow_peft import Variant

_WITH_PEFT = """\
## With PEFT

```python
import peft, transformers

backbone = transformers.AutoModelForCausalLM.from_pretrained({backbone})
model = peft.PeftModel.from_pretrained(backbone, "path/to/this/folder")  # attached
shadow = model.base_model.unload_shadow()                               # detached
```

PEFT {version} or later computes the same function.{copies_note}
"""
_COPIES_NOTE = (
    " What the blocks share is stored as equal copies under every block; PEFT reads them as\n"
    "separate modules, so training on in PEFT makes the copies differ."
)

_TWO_WAYS = (
    "It works in two ways: **attached** to its backbone for the best quality, and **detached**, "
    "the shadow alone with the backbone's embeddings and head, as a much smaller model.\n"
)
_ALONE = (
    "It was trained by itself, before any task: **detached**, it is a small model with the "
    "backbone's embeddings and head. Nothing is injected yet: attached it is its backbone.\n"
)

_SHARED: dict[Sharing, str] = {
    "update": "an injection for each block and one update of the state, reused at every block",
    "depth": "one inject/update module reused at every block",
    "layer": "an inject/update module for each block",
}


_WITH_ORIGINAL = """\
## With shadow-peft 0.1

```python
import shadow_peft, transformers

backbone = transformers.AutoModelForCausalLM.from_pretrained({backbone})
model = shadow_peft.ShadowPeftModel.from_pretrained(backbone, "path/to/this/folder")
```

This is the original package's variant of the method. PEFT computes another function with these
weights (every block, GELU, biases, no shared norm), so they are not converted for it.
"""


def model_card(record: AdapterRecord, parameters: int, variant: Variant = "peft") -> str:
    """Markdown: what the folder holds, how it is used, how it was trained.

    Args:
        record: The adapter's configuration.
        parameters: How many numbers are trained.
        variant: Which of the two functions it is.
    """
    config, backbone = record.config, _shown_name(record)
    mirror = config.shadow == "mirror"
    kind = "a small mirror of the backbone" if mirror else f"`{Path(config.shadow).name}`"
    sections = [
        _front_matter(record),
        f"# A shadow for {backbone}\n",
        f"A ShadowPEFT adapter ({parameters:,} trained parameters): {kind} as shadow backbone, "
        f"{_SHARED[config.sharing]}, rank {config.rank}, "
        f"α {config.alpha:g}, λ {config.aux_weight:g}.\n",
        _ALONE if record.is_alone else _TWO_WAYS,
        _with_shadow_mlx(alone=record.is_alone),
        _with_peft(record) if variant == "peft" else _with_original(record),
    ]
    if record.training:
        sections.append(_training(record.training))
    return "\n".join(sections)


def _shown_name(record: AdapterRecord) -> str:
    """The backbone's hub id, or the name of its folder without the way to it."""
    name = record.backbone_name or "the backbone"
    return Path(name).name if Path(name).is_absolute() else name


def _front_matter(record: AdapterRecord) -> str:
    lines = ["---", "library_name: peft", "pipeline_tag: text-generation"]
    name = record.backbone_name
    if name and name.count("/") == 1 and not Path(name).is_absolute():
        lines.append(f"base_model: {name}")
    return "\n".join([*lines, "tags:", "- shadow-peft", "- shadow-mlx", "- mlx", "---\n"])


def _with_shadow_mlx(*, alone: bool) -> str:
    folder = "path/to/this/folder"
    lines = [
        f"shadow-mlx train --shadow {folder} --data FILE   # a task that begins with it"
        if alone
        else f"shadow-mlx chat --adapter-path {folder}             # attached",
        f"shadow-mlx chat --adapter-path {folder} --detached  # the shadow alone",
    ]
    return "\n".join(["## With shadow-mlx\n", "```shell", *lines, "```\n"])


def _with_peft(record: AdapterRecord) -> str:
    if record.not_for_peft:
        return f"## With PEFT\n\nPEFT cannot open this adapter: {record.not_for_peft}.\n"
    text = _WITH_PEFT.format(
        backbone=json.dumps(_shown_name(record)),
        version="0.21",
        copies_note="" if record.config.sharing == "layer" else _COPIES_NOTE,
    )
    if record.config.shadow != "mirror":
        text += (
            "\nPEFT builds the shadow from `shadow_model` in `adapter_config.json`: it must name "
            "the folder or hub id\nof the explicit shadow where PEFT runs.\n"
        )
    return text


def _with_original(record: AdapterRecord) -> str:
    return _WITH_ORIGINAL.format(backbone=json.dumps(_shown_name(record)))


def _training(summary: dict[str, Any]) -> str:
    rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in summary.items()]
    return "\n".join(["## Training\n", "| | |", "|---|---|", *rows, ""])


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("_", " ").replace("|", "\\|").replace("\n", " ")
