"""The exported folder of a family's tiny model, the same wherever it is written.

The weights of the backbone and of the shadow follow from their names, as in every golden here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.utils import load_model

from shadow_mlx.config import ShadowConfig
from shadow_mlx.export.folder import write_settings, write_weights
from shadow_mlx.export.layout import file_tensors
from shadow_mlx.export.standalone import standalone
from shadow_mlx.shadow.attached import attach
from shadow_mlx.shadow.detached import DetachedModel

try:
    from tests.golden.deterministic import fill, write_backbone
except ImportError:  # run beside the generator, as a script
    from deterministic import fill, write_backbone

KINDS: dict[str, dict[str, int]] = {
    "wide": {},
    "narrow": {"shadow_hidden_size": 16, "shadow_heads": 2},
}
"""The mirror's options: as wide as its backbone, or with its two projections to fold."""


def write_exported(
    entry: dict[str, Any], kind: str, root: Path
) -> tuple[Path, DetachedModel, dict[str, Any]]:
    """The folder, the detached model that it was made of, and its ``config.json``.

    Args:
        entry: The family's configuration and tensors, as ``families.json`` has them.
        kind: Of :data:`KINDS`.
        root: A folder to write in.

    Raises:
        ShadowMLXError: The shadow cannot be built, or not be exported.
    """
    backbone = write_backbone(root / "backbone", entry["config"], entry["tensors"], for_mlx=True)
    model, config = load_model(backbone)
    options = ShadowConfig(rank=4, shadow_layers=2, **KINDS[kind])
    attached = attach(model, config, options)
    named = tree_flatten(attached.shadow.trainable_parameters())
    filled = [(name, mx.array(fill(name, value.shape))) for name, value in named]
    attached.shadow.update(tree_unflatten(filled))
    attached.eval()
    detached = attached.detached()
    found = standalone(detached)
    folder = root / "exported"
    folder.mkdir()
    write_weights(folder, file_tensors(found.model, found.config))
    write_settings(folder, found.config, {})
    return folder, detached, found.config
