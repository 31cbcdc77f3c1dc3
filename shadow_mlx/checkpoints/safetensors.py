"""Reads what a safetensors file says of itself, and refuses one that is cut short or damaged.

MLX reads tensors only when they are needed, so that a damaged file would fail in the middle of a
computation, or not at all. The format is eight bytes of header length, a JSON header, the data.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx.errors import CheckpointError

_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
}
_LONGEST_HEADER = 100_000_000  # bytes, the format's own limit


@dataclass(frozen=True)
class TensorInfo:
    """Type and shape of one tensor in a file."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Names, types and shapes of the tensors in a file, whose length is checked.

    Raises:
        CheckpointError: There is no such file, it cannot be read, or it is damaged or cut short.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(_LONGEST_HEADER, size - 8):
                raise CheckpointError(path, ["not a safetensors file, or cut short in its header"])
            header = json.loads(file.read(length))
    except OSError as error:
        raise CheckpointError(path, [f"cannot be read: {error.strerror or error}"]) from error
    except ValueError as error:
        raise CheckpointError(path, [f"its header is damaged: {error}"]) from error
    try:
        found = {name: _info(entry) for name, entry in header.items() if name != "__metadata__"}
        end = max((entry[1] for entry in found.values()), default=0)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(path, ["its header is damaged"]) from error
    if size != 8 + length + end:
        raise CheckpointError(
            path,
            [f"cut short or damaged: expected {8 + length + end:,} bytes, found {size:,}"],
        )
    return {name: info for name, (info, _) in found.items()}


def _info(entry: dict[str, Any]) -> tuple[TensorInfo, int]:
    """The tensor's description and the offset of its end."""
    info = TensorInfo(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]))
    start, end = entry["data_offsets"]
    bits = _BITS.get(info.dtype)
    if bits is not None and (end - start) * 8 != math.prod(info.shape) * bits:
        raise ValueError
    return info, int(end)
