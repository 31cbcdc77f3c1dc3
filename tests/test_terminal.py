from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.terminal import visible


def test_escape_sequences_become_pictures() -> None:
    assert visible("\x1b[2J\x07 \x7f") == "␛[2J␇ ␡"


def test_c1_controls_and_direction_overrides_become_escapes() -> None:
    assert visible("\x9b31m \u202egpj.exe \u2066") == "\\x9b31m \\u202egpj.exe \\u2066"


def test_ordinary_text_stays() -> None:
    text = "naïve 漢字 👩‍🚀\ttab\nline"
    assert visible(text) == text


@given(st.text(st.characters()))
def test_nothing_that_controls_a_terminal_remains(text: str) -> None:
    shown = visible(text)
    shown.encode()  # no lone surrogates
    assert not any(unicodedata.category(c) == "Cc" for c in shown if c not in "\n\t")
    assert visible(shown) == shown
