"""The model card (``README.md``) of an exported model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx import words
from shadow_mlx.checkpoints.record import AdapterRecord
from shadow_mlx.export.layout import why_not_transformers

CARD_NAME = "README.md"

_MLX = """\
## With mlx-lm

```shell
mlx_lm.generate --model path/to/this/folder --prompt "…"
mlx_lm.server --model path/to/this/folder
```
"""
_TRANSFORMERS = """\
## With transformers

```python
import transformers

model = transformers.AutoModelForCausalLM.from_pretrained("path/to/this/folder", dtype="auto")
tokenizer = transformers.AutoTokenizer.from_pretrained("path/to/this/folder")
```
"""


@dataclass(frozen=True)
class Facts:
    """What a card tells of an exported model.

    Attributes:
        record: The adapter that it was made from.
        config: Its ``config.json``.
        parameters: How many numbers it has.
        bytes: Size of its weights.
        added: Blocks of zeros that the architecture needed.
        own_head: Whether its head is a matrix of its own.
        tokens: Tokens that it knows, and those that its backbone knew.
        template: How the chat template was used in training, where that is not its default.
        measured: A table of figures in Markdown, or ``""``.
    """

    record: AdapterRecord
    config: Mapping[str, Any]
    parameters: int
    bytes: int
    added: int
    own_head: bool
    tokens: tuple[int, int]
    template: Mapping[str, Any]
    measured: str


def exported_card(facts: Facts) -> str:
    """Markdown: what the folder holds, how it is used, what it was measured at."""
    name = shown_backbone(facts.record)
    sections = [
        _front_matter(facts.record),
        f"# A small model from {name}\n",
        f"The shadow that was trained beside {name} ([ShadowPEFT](https://arxiv.org/abs/2604.19254)"
        "), detached: a model of its own, with the backbone's embeddings and head and none of its "
        f"layers. {facts.parameters:,} parameters, {words.size(facts.bytes)}.\n",
        *_remarks(facts),
        _MLX,
    ]
    why = why_not_transformers(dict(facts.config))
    if why is None:
        sections.append(_TRANSFORMERS)
    if facts.measured:
        sections.append(f"## Measured\n\n{facts.measured}\n")
    if facts.record.training:
        rows = [
            f"| {_cell(key)} | {_cell(value)} |" for key, value in facts.record.training.items()
        ]
        sections.append("\n".join(["## Training\n", "| | |", "|---|---|", *rows, ""]))
    return "\n".join(sections)


def projected_card(record: AdapterRecord, narrow: int, wide: int) -> str:
    """Markdown: what a folder with a projected shadow holds, and how it is used.

    Args:
        record: The adapter that it was made from.
        narrow: Width of the shadow.
        wide: Width of its backbone.
    """
    name = shown_backbone(record)
    return f"""{_front_matter(record)}
# A shadow from {name}

The network that was trained beside {name}
([ShadowPEFT](https://arxiv.org/abs/2604.19254)): {narrow:,} wide, with embeddings of its own, the
projection to its backbone's width of {wide:,}, and the backbone's head.

## As the start of a training

```shell
shadow-mlx train --model BACKBONE --shadow path/to/this/folder --data chat.jsonl
```

```python
import peft

config = peft.ShadowConfig(task_type="CAUSAL_LM", shadow_model="path/to/this/folder")
```
"""


def shown_backbone(record: AdapterRecord) -> str:
    """The backbone's hub id, or the name of its folder without the way to it."""
    name = record.backbone_name or "its backbone"
    return Path(name).name if Path(name).is_absolute() else name


def _remarks(facts: Facts) -> list[str]:
    found = []
    if facts.own_head:
        found.append(
            "Its head is a matrix of its own: the backbone's, with the projection of the shadow's "
            "width folded in."
        )
    if facts.added:
        found.append(
            f"The last {facts.added} of its layers are zeros and hand their input through: its "
            "architecture wants so many."
        )
    kept, whole = facts.tokens
    if kept != whole:
        found.append(
            f"It knows {kept:,} of its backbone's {whole:,} tokens, those that its data needs; "
            "what else it reads is divided into smaller ones."
        )
    if facts.template:
        how = json.dumps(facts.template, ensure_ascii=False)
        found.append(f"It was trained with the chat template used in this way: `{how}`.")
    return [f"{one}\n" for one in found]


def _front_matter(record: AdapterRecord) -> str:
    lines = ["---", "library_name: mlx", "pipeline_tag: text-generation"]
    name = record.backbone_name
    if name and name.count("/") == 1 and not Path(name).is_absolute():
        lines.append(f"base_model: {name}")
    return "\n".join([*lines, "tags:", "- mlx", "- shadow-mlx", "---\n"])


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.replace("_", " ").replace("|", "\\|").replace("\n", " ")
