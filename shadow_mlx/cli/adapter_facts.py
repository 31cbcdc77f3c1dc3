"""What an adapter folder says of itself, without loading a tensor."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from shadow_mlx.config import MODES
from shadow_mlx.errors import CheckpointError

_LAYER = re.compile(r"\.(\d+)\.shadow_(?:down|up|update)")
_LONGEST_HEADER = 100_000_000  # bytes; the format's own limit


def adapter_facts(folder: Path) -> dict[str, Any]:
    """Backbone, shape, parameters, modes and training summary of an adapter.

    Raises:
        CheckpointError: A file is missing or cannot be read.
    """
    config = _config(folder / "adapter_config.json")
    own = config.get("shadow_mlx")
    own = own if isinstance(own, dict) else {}
    shapes = _shapes(folder / "adapter_model.safetensors")
    layers = sorted({int(m[1]) for name in shapes if (m := _LAYER.search(name))})
    shared = own.get("sharing") == "depth"
    # With one module for all depths, PEFT's format repeats it under every layer.
    repeated = {str(layer) for layer in layers[1:]} if shared else set()
    counted = {
        name: math.prod(shape)
        for name, shape in shapes.items()
        if not ((m := _LAYER.search(name)) and m[1] in repeated)
    }
    inject = sum(count for name, count in counted.items() if _LAYER.search(name))
    return {
        "path": str(folder),
        "backbone": config.get("base_model_name_or_path"),
        "modes": list(MODES),
        "sharing": "depth" if shared else "layer",
        "layers": len(layers),
        "rank": config.get("r"),
        "alpha": config.get("shadow_alpha"),
        "shadow": config.get("shadow_model"),
        "parameters": {
            "total": sum(counted.values()),
            "inject and update": inject,
            "shadow backbone": sum(counted.values()) - inject,
        },
        "training": own.get("training"),
    }


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(path, [f"cannot be read: {error.strerror}"]) from None
    except ValueError as error:
        raise CheckpointError(path, [f"not valid JSON: {error}"]) from None
    if not isinstance(config, dict):
        raise CheckpointError(path, ["expected an object"])
    return config


def _shapes(path: Path) -> dict[str, list[int]]:
    """Tensor names and shapes from the header of a safetensors file."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= _LONGEST_HEADER else None
    except OSError as error:
        raise CheckpointError(path, [f"cannot be read: {error.strerror}"]) from None
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise CheckpointError(path, ["not a complete safetensors file"])
    return {
        name: entry["shape"]
        for name, entry in header.items()
        if name != "__metadata__" and isinstance(entry, dict)
    }
