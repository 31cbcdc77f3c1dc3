"""Versions, branches and undoing in the chat, against a worker that pretends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tui.screens.test_talking import answered, opened
from tests.tui.support import FAKE_WORKER, press, say, shown, told, until, words
from tui.app import ShadowApp
from tui.screens.chat import ChatScreen


def texts(chat: ChatScreen) -> list[str]:
    return [turn.text.strip() for turn in chat.conversation.turns]


async def again(pilot: Any, chat: ChatScreen) -> None:
    """In the next mode, so that the answer is another one."""
    count = len(chat.branches.entries)
    await press(pilot, "ctrl+t", "ctrl+r")
    await until(pilot, lambda: len(chat.branches.entries) > count and not chat.answering)


@pytest.mark.parametrize(
    ("back", "on", "in_field"),
    [("alt+left", "alt+right", True), ("left_square_bracket", "right_square_bracket", False)],
)
async def test_another_answer_stands_beside_the_former(
    adapter: Path, back: str, on: str, in_field: bool
) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        await press(pilot, *([] if in_field else ["escape"]), back)
        assert "Nothing here has another version" in told(pilot)
        await again(pilot, chat)
        await until(pilot, lambda: "[ 2/2 ]" in words(pilot))
        await press(pilot, back)
        await until(pilot, lambda: "attached heard one" in words(pilot))
        assert "[ 1/2 ]" in words(pilot)
        await press(pilot, back, on, on)  # after the last comes the first
        await until(pilot, lambda: "detached heard one" in words(pilot))
        await answered(pilot, "two")  # goes on from the one that is shown
        await press(pilot, "alt+left")
        await until(pilot, lambda: texts(chat) == ["one", "attached heard **one**"])
        await press(pilot, "alt+right")
        await until(pilot, lambda: texts(chat)[-1] == "detached heard **two**")


async def test_an_earlier_question_is_edited_and_the_former_one_stays(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        await answered(pilot, "two")
        before = texts(chat)
        await press(pilot, "ctrl+e")
        assert chat.composer.text == "two"
        await press(pilot, "ctrl+e")
        assert chat.composer.text == "one"
        await press(pilot, "ctrl+e")
        assert "It is the first one." in told(pilot)
        await say(pilot, "more")
        await until(pilot, lambda: texts(chat) == ["onemore", "attached heard **onemore**"])
        await press(pilot, "alt+left")
        await until(pilot, lambda: texts(chat) == before)
        await again(pilot, chat)
        assert chat.branches.places() == [(1, 2), (1, 1), (1, 1), (2, 2)]
        await until(pilot, lambda: "[ 2/2 ]" in words(pilot))
        await press(pilot, "alt+up", "alt+right")  # of the question at the top
        await until(pilot, lambda: texts(chat)[0] == "onemore")


async def test_each_step_is_undone(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await press(pilot, "ctrl+z")
        assert "nothing to undo" in told(pilot)
        await answered(pilot, "one")
        first = texts(chat)
        await again(pilot, chat)
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: texts(chat) == first)
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: not texts(chat))
        assert chat.composer.text == "one"
        await press(pilot, *"x", "ctrl+z")  # in the field, what was typed
        assert chat.composer.text == "one"
        assert not texts(chat)
        await press(pilot, "alt+right")
        await until(pilot, lambda: texts(chat)[0] == "one")
        assert len(chat.branches.entries) == 3


async def test_nothing_changes_while_an_answer_comes(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        await again(pilot, chat)
        await say(pilot, "long")
        await until(pilot, lambda: "heard long on" in words(pilot))
        before = chat.branches
        await press(pilot, "alt+left", "ctrl+z", "ctrl+n")
        assert chat.branches == before
        await press(pilot, "escape")
        await until(pilot, lambda: not chat.answering)
