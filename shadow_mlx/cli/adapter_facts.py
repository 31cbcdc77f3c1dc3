"""What an adapter folder says of itself, without loading a tensor."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shadow_mlx.checkpoints.record import PEFT_FILES, AdapterRecord, read_record
from shadow_mlx.checkpoints.shadow_peft import ORIGINAL_FILES, is_original, read_original_record
from shadow_mlx.checkpoints.tensors import is_shared
from shadow_mlx.checkpoints.whole import whole_adapter
from shadow_mlx.cli.json_output import finite
from shadow_mlx.config import MODES

_BLOCK = re.compile(r"\.(\d+)\.(shadow_(?:down|up|update).*)")
_ORIGINAL_BLOCKS = ("shadow_injection_model.", "shadow_update_model.")
_ORIGINAL_STACK = "shadow_injection_model.injection_downs"  # [L - 1, D, r]


def adapter_facts(folder: Path) -> dict[str, Any]:
    """Format, backbone, shape, parameters, modes and training summary of an adapter.

    Raises:
        CheckpointError: A file is missing, or cannot be read.
    """
    read = whole_adapter(folder)
    facts = _original_facts(read) if is_original(read) else _peft_facts(read)
    return {**facts, "path": str(folder)}


def _peft_facts(folder: Path) -> dict[str, Any]:
    record = read_record(folder)
    header = PEFT_FILES.read_header(folder)
    sizes = {name: math.prod(info.shape) for name, info in header.items()}
    blocks = {match[1] for name in sizes if (match := _BLOCK.search(name))}
    sharing, first = record.config.sharing, min(blocks, key=int, default="")
    # The format repeats what blocks share under every one of them.
    inject = (
        n
        for name, n in sizes.items()
        if (m := _BLOCK.search(name)) and (m[1] == first or not is_shared(m[2], sharing))
    )
    shadow = (n for name, n in sizes.items() if not _BLOCK.search(name))
    in_peft = record.not_for_peft or "yes"
    return _facts(folder, "PEFT", record, len(blocks), inject, shadow, in_peft)


def _original_facts(folder: Path) -> dict[str, Any]:
    record = read_original_record(folder)
    header = ORIGINAL_FILES.read_header(folder)
    sizes = {name: math.prod(info.shape) for name, info in header.items()}
    stack = header.get(_ORIGINAL_STACK)
    blocks = stack.shape[0] + 1 if stack else 0  # the first block has no injection
    inject = (n for name, n in sizes.items() if name.startswith(_ORIGINAL_BLOCKS))
    shadow = (n for name, n in sizes.items() if not name.startswith(_ORIGINAL_BLOCKS))
    why = "another function than PEFT's: its weights cannot be converted"
    return _facts(folder, "shadow-peft 0.1", record, blocks, inject, shadow, why)


def _facts(
    folder: Path,
    layout: str,
    record: AdapterRecord,
    blocks: int,
    inject: Iterable[int],
    shadow: Iterable[int],
    in_peft: str,
) -> dict[str, Any]:
    config = record.config
    parameters = {"inject and update": sum(inject), "shadow backbone": sum(shadow)}
    total, of = sum(parameters.values()), (record.training or {}).get("backbone_parameters")
    share = {"share of the backbone": f"{total / of:.1%}"} if isinstance(of, int) and of else {}
    alone = {"trained": "by itself: attached it is its backbone"} if record.is_alone else {}
    return {
        "path": str(folder),
        "format": layout,
        "backbone": record.backbone_name,
        "modes": list(MODES),
        "sharing": config.sharing,
        "blocks": blocks,
        "rank": config.rank,
        "alpha": config.alpha,
        "shadow": config.shadow,
        **alone,
        "parameters": {"total": total, **share, **parameters},
        "opens in PEFT": in_peft,
        "training": finite(record.training),
    }
