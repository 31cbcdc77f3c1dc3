"""Bytes to JSON: all that later steps could not carry is refused here, and named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.data.reading.strict_json import MAX_DEPTH, InvalidLineError, read_json, read_text


def nested(levels: int) -> str:
    """Objects and arrays inside each other."""
    return '{"a":[' * (levels // 2) + "[" * (levels % 2) + "]" * (levels % 2) + "]}" * (levels // 2)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'{"a": 1', "broken JSON (Expecting ',' delimiter at column 8)"),
        (b'{"a": "b', "broken JSON (Unterminated string starting at column 7)"),
        (b'{"a": "\xff"}', "the byte 0xff at position 8, which is not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "zero bytes (as UTF-16 text"),
        ('{"a": 1}'.encode("utf-16"), "zero bytes (as UTF-16 text"),
        (b'{"a": "x\0"}', "zero bytes"),
        ('{"a": 1}\u2028'.encode(), "at column 9: U+2028, LINE SEPARATOR)"),
        ('\u00a0{"a": 1}'.encode(), "at column 1: U+00A0, NO-BREAK SPACE)"),
        (b'{"a": NaN}', "NaN, which JSON does not have"),
        (b'{"a": 1e999}', "the number 1e999"),
        (b'{"a": -1e999}', "the number -1e999"),
        (b'{"a": ' + b"1" * 5000 + b"}", "a number of thousands of digits"),
        (b'{"a": 1, "a": 2}', "the key 'a' twice in one object"),
        (b'[{"b": {"a": "x", "a": "y"}}]', "the key 'a' twice"),
        (rb'{"a": "\ud83d"}', "half of a surrogate pair"),
        (rb'{"\uDE00": 1}', "half of a surrogate pair"),
        (nested(MAX_DEPTH + 1).encode(), "JSON nested too deeply (over 100 levels)"),
        (nested(950).encode(), "JSON nested too deeply"),
        (b"[" * 200_000, "JSON nested too deeply"),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, found: str) -> None:
    with pytest.raises(InvalidLineError) as caught:
        read_json(raw)
    ((said, expected),) = caught.value.findings
    assert found in said
    assert expected


@pytest.mark.parametrize(
    "raw",
    [
        nested(MAX_DEPTH).encode(),
        b"[" + b",".join([b"[]"] * 5000) + b"]",  # many and flat
        b'{"a": 1, "a": 1}',  # nothing is lost
        rb'{"a": "\ud83d\ude00"}',
        b'{"a": ' + b"1" * 4000 + b"}",
        '{"a": "\u2028\u2029\u0085"}'.encode(),
    ],
)
def test_what_is_unusual_and_sound_is_read(raw: bytes) -> None:
    assert read_json(raw) == json.loads(raw)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@settings(max_examples=150)
@given(json_values, st.booleans())
def test_sound_json_is_what_it_was(value: Any, escaped: bool) -> None:
    """A value with halves of surrogates is refused, any other one is read as it is."""
    text = json.dumps(value, ensure_ascii=escaped, allow_nan=False)
    try:
        text.encode()
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidLineError):
            read_json(text.encode("utf-8", "surrogatepass"))
        return
    assert read_text(text) == value


@settings(max_examples=60)
@given(st.integers(1, 3000))
def test_depth_is_bounded_whatever_python_takes(levels: int) -> None:
    if levels <= MAX_DEPTH:
        assert read_text(nested(levels)) == json.loads(nested(levels))
        return
    with pytest.raises(InvalidLineError, match="nested too deeply"):
        read_text(nested(levels))
