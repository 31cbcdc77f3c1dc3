"""Kept conversations: bounded, whole, and never one in another's place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.generation.branches import Branches
from shadow_mlx.generation.conversation import Turn
from tui import shelf
from tui.shelf import Shelf, new_name

TALK = Branches(system="s").asked("a\n question").said(Turn("assistant", "A", "base", "n", "w"))


def test_what_is_kept_is_listed_and_opened(tmp_path: Path) -> None:
    kept, name = Shelf(tmp_path / "new"), new_name()
    kept.keep(name, TALK)
    (one,) = Shelf(tmp_path / "new").listed()
    assert (one.name, one.title, one.questions, one.who) == (name, "a question", 1, "base · w")
    assert Shelf(tmp_path / "new").opened(name) == TALK
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700  # nobody else reads them


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    Shelf(tmp_path / "new").keep(new_name(), Branches(system="s"))
    assert not (tmp_path / "new").exists()


def test_the_oldest_go_and_other_files_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MOST", 3)
    (tmp_path / "mine.json").write_text("{}")
    kept, names = Shelf(tmp_path), [new_name() for _ in range(5)]
    for second, name in enumerate(names):
        kept.keep(name, TALK.asked(name))
        os.utime(tmp_path / f"{name}.json", (second, second))
    assert [one.name for one in kept.listed()] == names[:1:-1]
    assert (tmp_path / "mine.json").exists()


def test_versions_that_are_not_shown_go_before_a_conversation_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "LARGEST", 400)
    again, name = TALK.first(1).said(Turn("assistant", "b" * 200)), new_name()
    kept = Shelf(tmp_path)
    kept.keep(name, again.turned(1, 1).first(1).said(Turn("assistant", "c" * 200)))
    assert [entry.turn.text for entry in Shelf(tmp_path).opened(name).entries] == [
        "a\n question",
        "c" * 200,
    ]
    with pytest.raises(InputError, match=r"too long .* ctrl\+s"):
        kept.keep(name, again.asked("d" * 500))


@pytest.mark.parametrize("raw", [b"", b"\0\xff", b"[]", b"{}", b"[" * 10_000, b'{"turns": 3}'])
def test_damaged_files_are_left_out(tmp_path: Path, raw: bytes) -> None:
    name = new_name()
    (tmp_path / f"{name}.json").write_bytes(raw)
    assert Shelf(tmp_path).listed() == []
    assert Shelf(tmp_path).opened(name) == Branches()


def test_two_programs_do_not_write_into_one_file(tmp_path: Path) -> None:
    name, one, two = new_name(), Shelf(tmp_path), Shelf(tmp_path)
    one.keep(name, TALK)
    two.keep(name, two.opened(name).asked("from the second"))
    one.keep(name, TALK.asked("from the first, with more words"))
    last = {Shelf(tmp_path).opened(k.name).conversation.turns[-1].text for k in two.listed()}
    assert last == {"from the second", "from the first, with more words"}
    assert one.file_name(name) != name
    assert one.opened(name).conversation.turns[-1].text == "from the first, with more words"


def test_a_removed_one_is_put_back_as_it_was(tmp_path: Path) -> None:
    kept, name = Shelf(tmp_path), new_name()
    kept.keep(name, TALK)
    before = kept.listed()
    kept.remove(name)
    assert (kept.listed(), kept.lacks(name), kept.holds(name)) == ([], True, False)
    assert kept.put_back()
    assert kept.listed() == before
    assert not kept.put_back()
    kept.remove(name)
    kept.keep(name, TALK)
    assert kept.holds(name)


def test_half_of_a_character_does_not_prevent_keeping(tmp_path: Path) -> None:
    kept, name = Shelf(tmp_path), new_name()
    kept.keep(name, Branches().asked("\ud83d half"))
    assert Shelf(tmp_path).opened(name).conversation.turns[0].text == "? half"
