"""The chat against a worker that pretends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    press,
    say,
    shown,
    text,
    told,
    until,
    words,
    write_adapter,
)
from tui.app import ShadowApp
from tui.screens.chat import ChatScreen
from tui.widgets.option_row import OptionRow


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_header_says_which_weights_answer(adapter: Path, size: tuple[int, int]) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "adapters on sprout" in words(pilot))
        assert headline(pilot).split()[:2] == meaning(size, "ATTACHED", "backbone")
        assert "11 MB" in headline(pilot)
        await say(pilot, "hi")
        await until(pilot, lambda: "attached heard hi" in words(pilot))
        await until(pilot, lambda: "30 tokens · 55/s · 42 MB" in headline(pilot))
        await press(pilot, "ctrl+t")
        assert headline(pilot).split()[:2] == meaning(size, "DETACHED", "the")
        await say(pilot, "you")
        await until(pilot, lambda: "detached heard you" in words(pilot))
        assert "attached heard hi" in words(pilot)  # the conversation stays
        await press(pilot, "ctrl+t")
        assert headline(pilot).split()[:2] == meaning(size, "BASE", "the")
        assert "adapters (not used) on sprout" in headline(pilot)


def headline(pilot: Any) -> str:
    return " ".join(text(pilot).splitlines()[1].split())


def meaning(size: tuple[int, int], mode: str, first_word: str) -> list[str]:
    return [mode, first_word if size == WIDE else "adapters"]


async def test_without_an_adapter_the_bundled_model_answers() -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "BASE sprout" in words(pilot))


async def test_an_answer_is_stopped_and_what_there_is_stays(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "long")
        await until(pilot, lambda: "heard long on" in words(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "stopped" in words(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, ChatScreen)
        assert [turn.role for turn in screen.conversation.turns] == ["user", "assistant"]


async def test_answering_again_and_editing(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "one")
        await until(pilot, lambda: "heard one" in words(pilot))
        await press(pilot, "ctrl+t", "ctrl+r")
        await until(pilot, lambda: "detached heard one" in words(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, ChatScreen)
        await until(pilot, lambda: len(screen.conversation.turns) == 2)
        await press(pilot, "ctrl+e")
        await say(pilot, "more")
        await until(pilot, lambda: "heard onemore" in words(pilot))


async def test_a_killed_child_is_told_and_replaced(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "die")
        await until(pilot, lambda: "killed (SIGKILL), most likely because memory" in told(pilot))
        await say(pilot, "abort")
        await until(pilot, lambda: "the GPU's watchdog ended it (SIGABRT)" in told(pilot))
        await say(pilot, "hi")
        await until(pilot, lambda: "heard hi" in words(pilot))


async def test_failures_are_messages_and_shown_as_they_are(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "fail")
        await until(pilot, lambda: "the chat template refuses" in told(pilot))
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        screen.load("missing", None)
        await until(pilot, lambda: "nothing is loaded" in words(pilot))


async def test_markup_in_messages_is_text(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "a[b]c[/b]")
        await until(pilot, lambda: "heard a[b]c[/b]" in words(pilot))
        assert text(pilot).count("a[b]c[/b]") == 2


async def test_saving_and_loading(adapter: Path, own_place: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "hi")
        await until(pilot, lambda: "55/s" in words(pilot))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "Save the conversation" in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: (own_place / "conversation.jsonl").exists())
        await press(pilot, "ctrl+n")
        await until(pilot, lambda: "heard hi" not in words(pilot))
        await press(pilot, "ctrl+l")
        await until(pilot, lambda: "Go on with which" in words(pilot))
        await press(pilot, *"./conversation.jsonl", "enter")
        await until(pilot, lambda: "heard hi" in words(pilot))


async def test_settings_are_checked_by_their_declarations(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await press(pilot, "ctrl+g")
        await until(pilot, lambda: "system prompt" in words(pilot))
        await press(pilot, *"briefly", "tab", *"0", "ctrl+r")
        await until(pilot, lambda: "--max-tokens: must be at least 1" in words(pilot))
        await press(pilot, "backspace", *"64", "ctrl+r")
        await until(pilot, lambda: app.state.answers == {"max_tokens": 64})
        assert app.state.system_prompt == "briefly"


async def test_settings_name_the_weights_too_and_load_what_is_changed(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in headline(pilot))
        rows = await settings(pilot)
        assert rows["adapter_path"].value == "adapters"
        rows["mode"].value = "detached"
        rows["thinking"].value = "off"
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "DETACHED adapters on sprout" in headline(pilot))
        assert app.state.answers == {"thinking": "off"}
        rows = await settings(pilot)
        rows["mode"].value, rows["model"].value = "base", "other"
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "BASE other" in headline(pilot))
        assert "not used" not in headline(pilot)
        rows = await settings(pilot)
        assert [rows[name].value for name in ("model", "adapter_path")] == ["other", ""]
        rows["adapter_path"].value = "nowhere\0"
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "--adapter-path: 'nowhere" in words(pilot))


async def settings(pilot: Any) -> dict[str, OptionRow]:
    await press(pilot, "ctrl+g")
    await until(pilot, lambda: pilot.app.screen.query("#row-mode"))
    return {row.field.name: row for row in pilot.app.screen.query(OptionRow)}


async def test_searching_marks_the_message(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "needle")
        await until(pilot, lambda: "55/s" in words(pilot))
        await press(pilot, "ctrl+f", *"needle", "enter")
        await until(pilot, lambda: len(app.screen.query(".-found")) == 1)


async def test_adapters_are_switched_on_the_running_conversation(
    adapter: Path, own_place: Path
) -> None:
    write_adapter(own_place / "beside")

    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in headline(pilot))
        before = "beside" if "beside" in headline(pilot) else "adapters"
        other = "adapters" if before == "beside" else "beside"
        await say(pilot, "hi")
        await until(pilot, lambda: "heard hi" in words(pilot))
        await press(pilot, "ctrl+t")
        assert "DETACHED" in headline(pilot)
        await press(pilot, "f6")
        await until(pilot, lambda: f"DETACHED {other} on sprout" in headline(pilot))
        assert "heard hi" in words(pilot)  # the conversation stays
        await press(pilot, "f6")
        await until(pilot, lambda: f"DETACHED {before} on sprout" in headline(pilot))
        assert {Path(one).name for one in app.state.recent_adapters} == {"adapters", "beside"}


async def test_adapters_are_picked_from_a_list(adapter: Path, own_place: Path) -> None:
    original = own_place / "old"
    original.mkdir()
    (original / "shadow_config.json").write_text("{}")  # the original package's format

    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in headline(pilot))
        await press(pilot, "ctrl+o")
        await until(pilot, lambda: "sprout untuned model" in words(pilot))
        await press(pilot, *"spr", "enter")
        await until(pilot, lambda: "BASE sprout" in headline(pilot))
        await press(pilot, "ctrl+o")
        await until(pilot, lambda: "Which weights?" in words(pilot))
        await press(pilot, *"./old", "enter")
        await until(pilot, lambda: "ATTACHED old on sprout" in headline(pilot))
        await press(pilot, "ctrl+o")
        await until(pilot, lambda: "old adapter" in words(pilot))
        await press(pilot, "escape")
        assert "ATTACHED old on sprout" in headline(pilot)


async def test_a_search_goes_on_to_the_next_message(adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in headline(pilot))
        await say(pilot, "needle")
        await until(pilot, lambda: "55/s" in headline(pilot))
        found = []
        for _ in range(3):
            await press(pilot, "ctrl+f")
            await press(pilot, *([] if found else "needle"), "enter")
            await until(pilot, lambda: len(app.screen.query(".-found")) == 1)
            found.append(app.screen.query_one(".-found"))
        assert found[0] is not found[1]
        assert found[0] is found[2]


async def test_questions_of_the_run_are_sent_by_their_numbers(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "1 bring two red cups 2 find the ␛[31mbook" in words(pilot))
        chat = pilot.app.screen
        assert isinstance(chat, ChatScreen)
        await press(pilot, *"x1", "ctrl+u")  # in what is written, a digit is a digit
        assert not chat.conversation.turns
        assert "begins with a digit, type a space first" in words(pilot)
        await press(pilot, "space", *"2")
        assert not chat.conversation.turns
        assert chat.composer.text == " 2"
        await press(pilot, "backspace", "backspace")
        await press(pilot, "2")
        await until(pilot, lambda: "attached heard find the" in words(pilot))
        assert chat.conversation.system == "Be brief."
        await until(pilot, lambda: not chat.answering)
        await press(pilot, "1")
        assert chat.composer.text == "1"


async def test_without_an_editor_one_message_says_what_to_do(
    adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await press(pilot, *"text", "ctrl+b")
        assert "set EDITOR" in told(pilot)
        chat = pilot.app.screen
        assert isinstance(chat, ChatScreen)
        assert chat.composer.text == "text"


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_field_stands_below_the_messages(adapter: Path, size: tuple[int, int]) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "ATTACHED" in words(pilot))
        await say(pilot, "hi")
        await until(pilot, lambda: "55/s" in words(pilot))
        chat = pilot.app.screen
        assert isinstance(chat, ChatScreen)
        bubble = chat.query("Bubble").first().content_region
        assert chat.composer.content_region.x == bubble.x
        assert abs(chat.composer.content_region.width - bubble.width) <= 2


async def test_a_message_begins_with_a_digit_behind_a_space(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: "1 bring two red cups" in words(pilot))
        await say(pilot, " 2 cups")
        await until(pilot, lambda: "attached heard 2 cups" in words(pilot))
        chat = pilot.app.screen
        assert isinstance(chat, ChatScreen)
        assert chat.conversation.turns[0].text == "2 cups"
