from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.evaluation import differences as module
from shadow_mlx.evaluation.differences import Piece, differences

TEXTS = st.text("ab c,\n", max_size=30)


@given(TEXTS, TEXTS)
def test_the_pieces_are_both_texts(reference: str, other: str) -> None:
    pieces = differences(reference, other)
    assert "".join(p.text for p in pieces if p.kind != "missing") == other
    assert "".join(p.text for p in pieces if p.kind != "added") == reference
    assert all(piece.text for piece in pieces)


def test_words_are_compared_not_letters() -> None:
    assert differences("go to the hall", "go to the attic now") == [
        Piece("same", "go to the "),
        Piece("missing", "hall"),
        Piece("added", "attic now"),
    ]


def test_long_texts_are_not_aligned_word_by_word() -> None:
    many = " ".join(f"w{i}" for i in range(module.LARGEST // 100))
    pieces = differences(f"a {many} b c", f"a {many[::-1]} d c")
    assert [piece.kind for piece in pieces] == ["same", "missing", "added", "same"]
