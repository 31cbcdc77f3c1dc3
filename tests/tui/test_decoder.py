"""Bytes as they come from terminals, pipes and pastes, as events."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.message import Message

from tests.tui.terminal import PIECES
from tui.input import decoder
from tui.input.decoder import PASTE_END, PASTE_SECONDS, PASTE_START, Decoder, printable

stream = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6)), max_size=12)


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True, scope="module")
def clock() -> Iterator[Clock]:
    time = Clock()
    with patch.object(decoder, "monotonic", time), patch("textual._parser.get_time", time):
        yield time


def waited(clock: Clock, one: Decoder) -> list[Message]:
    """What comes of waiting for as long as anything is waited for."""
    found: list[Message] = []
    for _ in range(3):
        clock.now += PASTE_SECONDS
        found += one.tick()
    return found


def typed(found: list[Message]) -> str:
    return "".join(one.character or "" for one in found if isinstance(one, events.Key))


@given(stream)
def test_whatever_comes_what_is_typed_after_it_arrives(clock: Clock, pieces: list[bytes]) -> None:
    one = Decoder()
    for piece in pieces:
        for message in one.feed(piece):
            assert not isinstance(message, events.Resize)
            if isinstance(message, events.Key):
                (message.character or "").encode()  # no half of a character
    waited(clock, one)
    assert typed(list(one.feed(b"still here"))).endswith("still here")


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=6))), st.data())
def test_a_paste_is_one_text_however_it_arrives(pieces: list[bytes], data: st.DataObject) -> None:
    payload = b"".join(pieces).replace(PASTE_END.encode(), b" ")
    whole = b"a" + PASTE_START.encode() + payload + PASTE_END.encode() + b"z"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    one = Decoder()
    found: list[Message] = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += one.feed(whole[start:end])
    shown = printable(payload.decode(errors="replace"))
    assert [m.text for m in found if isinstance(m, events.Paste)] == ([shown] if shown else [])
    assert typed(found)[0] == "a"
    assert typed(found)[-1] == "z"
    assert {one for one in shown if unicodedata.category(one) in ("Cc", "Cs")} <= {"\n", "\t"}


def test_a_paste_whose_end_is_lost_ends_by_itself(clock: Clock) -> None:
    one = Decoder()
    assert list(one.feed(b"\x1b[200~two\r\nlines")) == []
    (paste,) = waited(clock, one)
    assert isinstance(paste, events.Paste)
    assert paste.text == "two\nlines"


def test_an_escape_inside_of_a_paste_is_no_key() -> None:
    (paste,) = Decoder().feed(b"\x1b[200~red \x1b[31m\rand \x00\xff more\x1b[201~")
    assert isinstance(paste, events.Paste)
    assert paste.text == "red ␛[31m\nand ␀� more"


def test_keys_are_what_they_were(clock: Clock) -> None:
    one = Decoder()
    found = list(one.feed("é\t\r".encode() + b"\x1b[A\x1b[15~\x12"))
    names = [message.key for message in found if isinstance(message, events.Key)]
    assert names[1:] == ["tab", "enter", "up", "f5", "ctrl+r"]
    assert typed(found).startswith("é")
    assert list(one.feed(b"\x1b")) == []
    assert [m.key for m in waited(clock, one) if isinstance(m, events.Key)] == ["escape"]
    (click,) = one.feed(b"\x1b[<0;5;3M")
    assert isinstance(click, events.MouseDown)
