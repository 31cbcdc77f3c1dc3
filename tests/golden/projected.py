"""The projected shadow of a family's tiny model, the same wherever it is written.

The weights of the backbone and of the shadow follow from their names, as in every golden here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import load_model

from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import ExportConfig, ShadowConfig
from shadow_mlx.export.projected import export_projected
from shadow_mlx.shadow.attached import attach
from tests.tiny import write_tokenizer

try:
    from tests.golden.deterministic import fill, write_backbone
except ImportError:  # run beside the generator, as a script
    from deterministic import fill, write_backbone

KINDS: dict[str, dict[str, int]] = {
    "wide": {},
    "narrow": {"shadow_hidden_size": 16, "shadow_heads": 2},
}
"""The mirror's options: as wide as its backbone, so that P is the identity; or narrower."""


def write_projected(entry: dict[str, Any], kind: str, root: Path) -> tuple[Path, Path]:
    """The folder of the projected shadow, and that of the adapter that it was made of.

    Args:
        entry: The family's configuration and tensors, as ``families.json`` has them.
        kind: Of :data:`KINDS`.
        root: A folder to write in.

    Raises:
        ShadowMLXError: The shadow cannot be built, or not be exported.
    """
    backbone = write_backbone(root / "backbone", entry["config"], entry["tensors"], for_mlx=True)
    write_tokenizer(backbone)
    model, config = load_model(backbone)
    attached = attach(model, config, ShadowConfig(rank=4, shadow_layers=2, **KINDS[kind]))
    named = tree_flatten(attached.shadow.trainable_parameters())
    filled = [(name, mx.array(fill(name, value.shape))) for name, value in named]
    attached.shadow.update(tree_unflatten(filled))
    adapter, output = root / "adapter", root / "projected"
    save_adapter(adapter, attached, backbone=str(backbone), backbone_config=config)
    export_projected(ExportConfig(adapter_path=str(adapter), output=str(output)))
    return output, adapter
