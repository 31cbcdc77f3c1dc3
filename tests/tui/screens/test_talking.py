"""Asking and answering in the chat, against a worker that pretends."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events

from shadow_mlx.generation.branches import Branches
from tests.tui.screens.test_chat import headline
from tests.tui.support import FAKE_WORKER, press, run, say, shown, until, words, write_adapter
from tui.app import ShadowApp
from tui.screens.chat import ChatScreen


def talking(pilot: Any) -> ChatScreen:
    screen = pilot.app.screen
    assert isinstance(screen, ChatScreen)
    return screen


async def opened(pilot: Any, mode: str = "ATTACHED") -> ChatScreen:
    await press(pilot, "5")
    await until(pilot, lambda: mode in headline(pilot))
    return talking(pilot)


async def answered(pilot: Any, said: str) -> None:
    await say(pilot, said)
    await until(pilot, lambda: f"heard {said}" in words(pilot))
    await until(pilot, lambda: not talking(pilot).answering)


@settings(max_examples=6)
@given(
    st.lists(st.text("ab c", min_size=1, max_size=6).filter(str.strip), max_size=4),
    st.text("x", max_size=3),
)
def test_lines_that_are_typed_ahead_are_asked_in_order(lines: list[str], rest: str) -> None:
    """All keys are there before the first one is handled; some lines come while others answer."""

    async def test() -> None:
        async with shown(ShadowApp(FAKE_WORKER)) as pilot:
            chat = await opened(pilot, "BASE")
            for key in "\r".join([*lines, rest]):
                chat.composer.post_message(events.Key("enter" if key == "\r" else key, key))
            await until(pilot, lambda: len(chat.conversation.turns) == 2 * len(lines))
            asked = [turn.text for turn in chat.conversation.turns if turn.role == "user"]
            assert asked == [line.strip() for line in lines]
            await until(pilot, lambda: chat.composer.text == rest)

    run(test())


async def test_what_is_sent_before_anything_is_loaded_waits(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        chat = talking(pilot)
        chat.load("missing", None)
        await until(pilot, lambda: "nothing is loaded" in words(pilot))
        await say(pilot, "one")
        await until(pilot, lambda: "waits: one" in words(pilot))
        await say(pilot, "two")
        await press(pilot, *"three", "escape")
        assert chat.composer.text == "one\ntwo\nthree"
        await press(pilot, "enter")
        chat.load(None, str(adapter))
        await until(pilot, lambda: len(chat.conversation.turns) == 2)
        assert chat.conversation.turns[0].text == "one\ntwo\nthree"


async def test_stopping_takes_back_what_waits(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await say(pilot, "long")
        await until(pilot, lambda: "heard long on" in words(pilot))
        await say(pilot, "next")
        await until(pilot, lambda: "waits: next" in words(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: not chat.answering)
        assert chat.composer.text == "next"
        assert "waits:" not in words(pilot)
        assert len(chat.conversation.turns) == 2


async def test_editing_is_undone_by_escape(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        before = chat.conversation
        await press(pilot, *"draft", "ctrl+e")
        assert chat.composer.text == "one"
        await press(pilot, *"more", "ctrl+e", "ctrl+r")  # neither makes it worse
        assert chat.conversation == before
        await press(pilot, "escape")
        assert chat.composer.text == "draft"
        assert chat.conversation == before
        assert "attached heard one" in words(pilot)
        await press(pilot, "ctrl+e", *"more", "enter")
        await until(pilot, lambda: "heard onemore" in words(pilot))
        await until(pilot, lambda: len(chat.conversation.turns) == 2)
        assert chat.composer.text == "draft"
        assert words(pilot).count("you") == 1


async def test_a_former_answer_stays_until_there_is_another(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await say(pilot, "long")
        await until(pilot, lambda: "heard long on" in words(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: not chat.answering)
        before = chat.conversation
        await press(pilot, "ctrl+t", "ctrl+r")
        await until(pilot, lambda: "detached heard long" in words(pilot))
        assert chat.conversation == before
        await press(pilot, "escape")
        await until(pilot, lambda: not chat.answering)
        assert chat.conversation == before
        assert "detached heard long" not in words(pilot)
        for failing in ("fail", "die"):
            question = dataclasses.replace(before.turns[0], text=failing)
            turns = (question, before.turns[1])
            changed = dataclasses.replace(before, turns=turns)
            await chat.show_conversation(Branches.of(changed))
            await press(pilot, "ctrl+r")
            await until(pilot, lambda: not chat.answering)
            assert chat.conversation.turns == turns


async def test_each_answer_says_whose_it_is(adapter: Path, own_place: Path) -> None:
    write_adapter(own_place / "beside")

    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await answered(pilot, "one")
        await press(pilot, "f6")
        await until(pilot, lambda: chat.ready)
        await answered(pilot, "two")
        await press(pilot, "ctrl+t", "ctrl+t")
        await answered(pilot, "three")
        whose = [turn.who for turn in chat.conversation.turns if turn.role == "assistant"]
        assert set(whose) == {"attached · adapters", "attached · beside", "base · sprout"}
        assert all(one in words(pilot) for one in whose[1:])


async def test_many_pasted_lines_stay_lines(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await press(pilot, "escape")
        pilot.app.post_message(events.Paste("two\nlines"))
        await until(pilot, lambda: chat.composer.text == "two\nlines")
