"""Versions of turns: nothing that was said is lost, and each can be shown again."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.generation.branches import NONE, Branches
from shadow_mlx.generation.conversation import Turn


@st.composite
def trees(draw: st.DrawFn) -> Branches:
    """Grown as a person grows it: on from any turn that is shown, or from another version."""
    found = Branches(system=draw(st.text(max_size=3)))
    for number in range(draw(st.integers(0, 12))):
        if found.path and draw(st.booleans()):
            found = found.turned(draw(st.integers(0, len(found.path) - 1)), 1)
        found = found.first(draw(st.integers(0, len(found.path))))
        role = draw(st.sampled_from(["user", "assistant"]))
        found = found.said(Turn(role, str(number), note=draw(st.text(max_size=2))))
    return found


def test_an_answer_made_again_stands_beside_the_former_one() -> None:
    once = Branches().asked("a").said(Turn("assistant", "one"))
    again = once.first(1).said(Turn("assistant", "two"))
    assert texts(again) == ["a", "two"]
    assert again.places() == [(1, 1), (2, 2)]
    assert texts(again.turned(1, 1)) == texts(again.turned(1, -1)) == ["a", "one"]


def test_a_question_asked_anew_keeps_what_followed_the_former_one() -> None:
    talk = Branches().asked("a").said(Turn("assistant", "A")).asked("b")
    anew = talk.first(0).asked("c").said(Turn("assistant", "C"))
    assert texts(anew) == ["c", "C"]
    assert texts(anew.turned(0, -1)) == ["a", "A", "b"]
    assert anew.first(0).places() == []
    assert texts(anew.first(0).onward()) == ["c", "C"]


@given(trees())
def test_every_turn_can_be_reached_by_going_through_versions(talk: Branches) -> None:
    seen, open_ = set(), [talk.first(0).onward()]
    while open_:
        one = open_.pop()
        if one.last not in seen:
            seen.add(one.last)
            open_ += [one.turned(place, 1) for place in range(len(one.path))]
    followed = {entry.after for entry in talk.entries}
    ends = {i for i in range(len(talk.entries)) if i not in followed}
    assert ends <= seen | {NONE}


@given(trees())
def test_a_file_gives_it_back(talk: Branches) -> None:
    assert Branches.from_mapping(json.loads(json.dumps(talk.to_mapping()))) == talk


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
)


@given(trees(), st.data())
def test_what_is_damaged_is_left_out(talk: Branches, data: st.DataObject) -> None:
    raw: Any = json.loads(json.dumps(talk.to_mapping()))
    for one in (raw, *raw["turns"]):
        if data.draw(st.booleans()):
            one[data.draw(st.sampled_from([*one, "role"]))] = data.draw(JSON)
    found = Branches.from_mapping(raw)
    kept = {entry.turn for entry in found.entries}
    assert len(found.path) == len(found.places())
    if raw.get("turns") and isinstance(raw["turns"], list):
        assert len(kept) <= len(raw["turns"])
    assert all(entry.after < i for i, entry in enumerate(found.entries))


def texts(talk: Branches) -> list[str]:
    return [turn.text for turn in talk.conversation.turns]
