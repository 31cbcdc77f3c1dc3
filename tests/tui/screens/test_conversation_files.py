"""Conversations between starts: each is kept, and what a signal cuts off is there again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tui.support import FAKE_WORKER, press, run, say, shown, told, until, words
from tui.app import ShadowApp
from tui.screens.chat import ChatScreen
from tui.screens.conversation_files import FOLDER
from tui.shelf import Shelf
from tui.state import state_file


async def opened(pilot: Any) -> ChatScreen:
    await press(pilot, "5")
    await until(pilot, lambda: "adapters on sprout" in words(pilot))
    assert isinstance(pilot.app.screen, ChatScreen)
    return pilot.app.screen


async def answered(pilot: Any, said: str) -> None:
    await say(pilot, said)
    await until(pilot, lambda: f"attached heard {said}" in words(pilot))
    await until(pilot, lambda: not pilot.app.screen.answering)


@pytest.mark.parametrize(("code", "cut"), [(128 + 15, True), (0, False)])
def test_a_conversation_outlives_the_program(adapter: Path, code: int, cut: bool) -> None:
    async def talk() -> None:
        async with shown(ShadowApp(FAKE_WORKER)) as pilot:
            await opened(pilot)
            await answered(pilot, "hi")
            assert not pilot.app.unsaved
            pilot.app.exit(return_code=code)  # as the terminal's driver does on a signal

    async def come_back() -> None:
        async with shown(ShadowApp(FAKE_WORKER)) as pilot:
            await opened(pilot)
            if cut:
                await until(pilot, lambda: "attached heard hi" in words(pilot))
                assert "is here again" in told(pilot)
            else:
                await until(pilot, lambda: "Say something" in words(pilot))
                await press(pilot, "ctrl+l")
                await until(pilot, lambda: "hi 1 question" in words(pilot))
                await press(pilot, "enter")
                await until(pilot, lambda: "attached heard hi" in words(pilot))
            await answered(pilot, "more")

    run(talk())
    run(come_back())
    (kept,) = Shelf(state_file().with_name(FOLDER)).listed()
    assert (kept.title, kept.questions) == ("hi", 2)  # it went on in its own file
    assert ShadowApp().state.cut_conversation == ""


async def test_a_new_one_loses_nothing_and_can_be_undone(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: "Say something" in words(pilot))
        await answered(pilot, "two")
        await press(pilot, "ctrl+l")
        await until(pilot, lambda: "two 1 question" in words(pilot))
        await press(pilot, *"on", "enter")
        await until(pilot, lambda: "attached heard one" in words(pilot))
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: "attached heard two" in words(pilot))
        assert [turn.text for turn in chat.conversation.turns][:1] == ["two"]


async def test_deleting_asks_and_is_undone(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        await press(pilot, "ctrl+l")
        await until(pilot, lambda: "one 1 question" in words(pilot))
        await press(pilot, "ctrl+d")
        await until(pilot, lambda: "Delete the conversation" in words(pilot))
        await press(pilot, "enter")  # the safe answer
        await until(pilot, lambda: "one 1 question" in words(pilot))
        await delete(pilot)
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: "one 1 question" in words(pilot))
        await delete(pilot)
        await press(pilot, "escape")
        await until(pilot, lambda: not chat.branches.entries)
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: "attached heard one" in words(pilot))
        await until(pilot, lambda: Shelf(state_file().with_name(FOLDER)).listed())


async def delete(pilot: Any) -> None:
    await press(pilot, "ctrl+d")
    await until(pilot, lambda: "Delete the conversation" in words(pilot))
    await press(pilot, "y")
    await until(pilot, lambda: "one 1 question" not in words(pilot))


async def test_a_disk_that_refuses_is_told_and_leaving_asks(adapter: Path) -> None:
    state_file().with_name(FOLDER).write_text("a file in its place")
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await opened(pilot)
        await answered(pilot, "one")
        await until(pilot, lambda: "a file stands where a folder is needed" in told(pilot))
        await press(pilot, "ctrl+q")
        await until(pilot, lambda: "could not be kept" in words(pilot))
