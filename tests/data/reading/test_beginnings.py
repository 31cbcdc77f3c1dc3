"""How files begin."""

from __future__ import annotations

import pytest

from shadow_mlx.data.reading.beginnings import (
    bare,
    begins_array,
    breaks_off,
    is_object,
    marked_encoding,
)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-8", "latin-1"])
def test_marks_tell_encodings(encoding: str) -> None:
    said = marked_encoding("hello".encode(encoding))
    assert said == (encoding if encoding in ("utf-8-sig", "utf-16", "utf-32") else None)
    if said:
        assert "hello".encode(encoding).decode(said) == "hello"


def test_marks_of_the_other_order() -> None:
    assert marked_encoding(b"\xfe\xff\x00a") == "utf-16"
    assert marked_encoding(b"\0\0\xfe\xff\0\0\0a") == "utf-32"


def test_blanks_and_marks_are_taken_away() -> None:
    assert bare(b"\xef\xbb\xbf \t\xef\xbb\xbf a b \r") == b"a b"
    assert bare(b" \r") == b""


@pytest.mark.parametrize(
    ("first", "alone", "array"),
    [(b"[", False, True), (b"[1]", True, True), (b"[1]", False, False), (b"{", True, False),
     (b'[{"a": 1},', False, True), (b"[1, x", True, True), (b"[\xff", True, False)],
)  # fmt: skip
def test_arrays(first: bytes, alone: bool, array: bool) -> None:
    assert begins_array(first, alone=alone) is array


def test_objects_and_what_breaks_off() -> None:
    assert is_object(b'{"a": 1}')
    assert not any(map(is_object, (b"[]", b"{", b"\xff", b"[" * 100_000)))
    assert breaks_off(b'{"a": 1,')
    assert breaks_off(b'{"a": "x')
    assert not any(map(breaks_off, (b'{"a": 1}', b"{x}", b"[" * 100_000, b"1" * 9999)))
