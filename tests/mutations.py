"""Damage to files of JSON and tensors, of every kind that was seen to end badly somewhere."""

from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 7, 1.5, -0.5, 1e-12, 1e38, 1e308, -1e308, 10**8,
    2**31, 2**32, 2**63, 10**30, -(10**30), "", "x", "8", "\0", "\ud800", "../..",
    "x" * 5000, "~nobody/x", [], {}, [[]], {"a": {}}, [0], [1, 2], ["a"], [-1], [10**30],
    {"type": "linear", "factor": 0}, "user", "tool_call", "null", "NaN", "[]", "{}", "[[]]",
    '{"name": "f"}', '{"a":' * 900, "[" * 50_000, "\u2028", {"role": "user"}, {"function": "f"},
    [None], [{}],
]  # fmt: skip
NAMES = ["weight", "loss", "tools", "from", "value", "arguments", "chosen", "\ud83d"]
"""Keys that mean something elsewhere."""

RAW = [
    "NaN", "Infinity", "-Infinity", "1" * 30, "1" * 5000, "[" * 900 + "]" * 900,
    '{"a":' * 2000 + "1" + "}" * 2000, "[" * 100_000 + "]" * 100_000, '"\\ud83d"', "01", "tru",
]  # fmt: skip
"""Values that no Python object stands for, as they are written."""

BYTES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"3",
    b'"x"',
    b"\xff\xfe",
    b"{}",
    b"\xef\xbb\xbf{}",
    b"\x00" * 40,
]
"""Whole contents of a file."""


def paths(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a JSON value."""
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, child in items:
        found.append((*before, key))
        if isinstance(child, dict | list):
            found += paths(child, (*before, key))
    return found


@st.composite
def mutated_json(draw: st.DrawFn, value: Any) -> bytes:
    """The file of a JSON object, changed in a few places."""
    changed = json.loads(json.dumps(value))
    raw: dict[str, str] = {}
    for number in range(draw(st.integers(1, 3))):
        *where, last = draw(st.sampled_from(paths(changed)))
        parent = changed
        for key in where:
            parent = parent[key]
        kinds = ["value", "value", "value", "raw", "delete", "double", "bytes", "rename", "repeat"]
        kind = draw(st.sampled_from(kinds))
        if kind == "value":
            parent[last] = copy.deepcopy(draw(st.sampled_from(VALUES)))
        elif kind == "raw":
            parent[last] = f"@{number}@"
            raw[f'"@{number}@"'] = draw(st.sampled_from(RAW))
        elif kind == "delete":
            del parent[last]
        elif kind == "double" and isinstance(parent, dict):
            name = json.dumps(last)
            mark = f"@{number}@"
            parent[last] = mark
            raw[f'"{mark}"'] = f"1, {name}: 2"
        elif kind == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(NAMES))] = parent.pop(last)
        elif kind == "repeat" and isinstance(parent, list):
            parent.extend([parent[last]] * draw(st.sampled_from([1, 500])))
        elif kind == "bytes":
            return draw(st.sampled_from(BYTES))
        if not changed:
            break
    text = json.dumps(changed)
    for mark, written in raw.items():
        text = text.replace(mark, written)
    return text.encode()


@st.composite
def mutated_tensors(draw: st.DrawFn, content: bytes, *, numbers: bool = True) -> bytes:
    """A safetensors file whose header or length is changed, or with ``numbers`` its data too."""
    length = struct.unpack("<Q", content[:8])[0]
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    kinds = ["header", "header", "length", "cut", "offsets"]
    kind = draw(st.sampled_from([*kinds, "data", "numbers"] if numbers else kinds))
    if kind == "length":
        wrong = draw(st.sampled_from([0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1]))
        return struct.pack("<Q", wrong) + content[8:]
    if kind == "cut":
        return content[: draw(st.integers(0, len(content)))] + draw(st.sampled_from([b"", b"x"]))
    if kind == "numbers":
        number = struct.pack("<f", draw(st.sampled_from([float("nan"), float("inf"), 3e38, 1e30])))
        at = draw(st.integers(0, len(data) // 4 - 1)) * 4
        return content[: 8 + length] + data[:at] + number + data[at + 4 :]
    if kind == "data":
        at = draw(st.integers(0, len(data) - 1))
        return content[: 8 + length + at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]
    if kind == "offsets":
        names = [name for name in header if name != "__metadata__"]
        entry = header[draw(st.sampled_from(names))]
        entry["data_offsets"] = draw(
            st.sampled_from(
                [[-8, 0], [0, -1], [8, 4], [0, 10**12], [0], [], None, "0", [0, 1.5], [0, 10**30]]
            )
        )
        written = json.dumps(header).encode()
    else:
        written = draw(mutated_json(header))
    return struct.pack("<Q", len(written)) + written + data


def read(path: Path) -> Any:
    return json.loads(path.read_text())
