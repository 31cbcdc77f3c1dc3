"""What an adapter folder says of itself, without loading a tensor."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from shadow_mlx.checkpoints.record import WEIGHTS_FILE, read_record
from shadow_mlx.checkpoints.safetensors import read_header
from shadow_mlx.config import MODES

_BLOCK = re.compile(r"\.(\d+)\.shadow_(?:down|up|update)")


def adapter_facts(folder: Path) -> dict[str, Any]:
    """Backbone, shape, parameters, modes and training summary of an adapter.

    Raises:
        CheckpointError: A file is missing, or cannot be read.
    """
    record = read_record(folder)
    config = record.config
    sizes = {
        name: math.prod(info.shape) for name, info in read_header(folder / WEIGHTS_FILE).items()
    }
    blocks = {match[1] for name in sizes if (match := _BLOCK.search(name))}
    # With one module for all depths, the format repeats it under every block.
    counted = {min(blocks, key=int)} if config.sharing == "depth" and blocks else blocks
    inject = sum(
        size for name, size in sizes.items() if (m := _BLOCK.search(name)) and m[1] in counted
    )
    shadow = sum(size for name, size in sizes.items() if not _BLOCK.search(name))
    return {
        "path": str(folder),
        "backbone": record.backbone_name,
        "modes": list(MODES),
        "sharing": config.sharing,
        "blocks": len(blocks),
        "rank": config.rank,
        "alpha": config.alpha,
        "shadow": config.shadow,
        "parameters": {
            "total": inject + shadow,
            "inject and update": inject,
            "shadow backbone": shadow,
        },
        "opens in PEFT": record.not_for_peft or "yes",
        "training": record.training,
    }
