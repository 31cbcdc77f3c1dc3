"""What a safetensors file says of itself; one that is cut short or damaged is refused.

MLX reads tensors only when they are needed, so that a damaged file would fail in the middle of a
computation, or not at all. The format is eight bytes of header length, a JSON header, the data,
which the tensors fill without gaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx.files.json_files import JsonFileError, parse_object

_BITS = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
}
_LONGEST_HEADER = 100_000_000  # bytes, the format's own limit
_LARGEST_AXIS = 2**31 - 1  # MLX's own


class DamagedFileError(ValueError):
    """The file is no whole safetensors file; the message says what was found."""


@dataclass(frozen=True)
class TensorInfo:
    """Type and shape of one tensor in a file."""

    dtype: str
    shape: tuple[int, ...]


def read_tensor_infos(path: Path) -> dict[str, TensorInfo]:
    """Names, types and shapes of the tensors in a file, whose length is checked.

    Raises:
        OSError: It cannot be read.
        DamagedFileError: It is damaged or cut short.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(_LONGEST_HEADER, size - 8):
            raise DamagedFileError("not a safetensors file, or cut short in its header")
        raw = file.read(length)
    try:
        header = parse_object(raw, strict=True)
    except JsonFileError as error:
        raise DamagedFileError(f"its header is damaged: {error}") from error
    _check_metadata(header.pop("__metadata__", {}))
    found = {name: _info(name, entry) for name, entry in header.items()}
    end = _end_of(header)
    if size != 8 + length + end:
        raise DamagedFileError(
            f"cut short or damaged: expected {8 + length + end:,} bytes, found {size:,}"
        )
    return found


def _check_metadata(metadata: Any) -> None:
    if metadata is None:  # what MLX writes for none
        return
    texts = isinstance(metadata, dict) and all(isinstance(v, str) for v in metadata.values())
    if not texts:
        raise DamagedFileError("its header is damaged: __metadata__ is not made of texts")


def _info(name: str, entry: Any) -> TensorInfo:
    """One tensor's description, its place in the file being as long as it needs."""
    shown = name if len(name) <= 100 else f"{name[:97]}…"
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        raise DamagedFileError(f"its header is damaged: {shown} is not described")
    shape, offsets = _wholes(entry.get("shape")), _wholes(entry.get("data_offsets"))
    if shape is None or max(shape, default=0) > _LARGEST_AXIS:
        raise DamagedFileError(f"its header is damaged: {shown} has no possible shape")
    if offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise DamagedFileError(f"its header is damaged: {shown} has no possible place in the file")
    bits = _BITS.get(entry["dtype"])
    if bits is not None and (offsets[1] - offsets[0]) * 8 != math.prod(shape) * bits:
        raise DamagedFileError(
            f"its header is damaged: {shown} is longer or shorter than its shape"
        )
    return TensorInfo(entry["dtype"], shape)


def _end_of(header: Mapping[str, Any]) -> int:
    """Where the data end, once the tensors are known to lie one after the other."""
    places = sorted((*entry["data_offsets"], name) for name, entry in header.items())
    end = 0
    for start, stop, name in places:
        if start != end:
            what = "overlaps another tensor" if start < end else "leaves a gap before it"
            raise DamagedFileError(f"its header is damaged: {name[:100]} {what}")
        end = stop
    return end


def _wholes(value: Any) -> tuple[int, ...] | None:
    """A list of whole numbers from zero on; ``None`` for anything else."""
    fits = isinstance(value, list) and all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in value
    )
    return tuple(value) if fits else None
