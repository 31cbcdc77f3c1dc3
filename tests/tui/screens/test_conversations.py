"""The list of conversations: each has a title of its own."""

from __future__ import annotations

from tui.screens.conversations import TITLE, note, titled
from tui.shelf import Kept


def test_two_with_the_same_question_are_told_apart() -> None:
    kept = [Kept(str(i), "the same", 1, "", 0.0) for i in range(3)]
    kept.append(Kept("long", "x" * 100, 2, "base · sprout", 100.0))
    found = titled(kept)
    assert list(found)[:3] == ["the same", "the same (2)", "the same (3)"]
    assert list(found)[3] == "x" * TITLE + "…"
    assert [one.name for one in found.values()] == ["0", "1", "2", "long"]


def test_a_note_says_how_long_who_and_when() -> None:
    one = Kept("n", "t", 2, "base · \x1b[31msprout", 100.0)
    assert note(one, 160.0 + 240) == "2 questions · base · ␛[31msprout · 5 min ago"
    assert note(Kept("n", "t", 1, "", 100.0), 100.0) == "1 question · just now"
