"""Where keys lead, from wherever one is; and who has the keys then."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable

from tests.runs.fake_run import story, write_story
from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    press,
    shown,
    text,
    told,
    until,
    words,
    write_adapter,
)
from tui.app import PAGES, ShadowApp
from tui.screens.home import HomePage
from tui.screens.run import RunScreen
from tui.screens.train import TrainScreen
from tui.widgets.composer import Composer

Step = Callable[[Pilot[Any]], Awaitable[None]]


def app_of(pilot: Pilot[Any]) -> ShadowApp:
    assert isinstance(pilot.app, ShadowApp)
    return pilot.app


async def from_home(pilot: Pilot[Any]) -> None:
    await press(pilot, "f2")
    await until(pilot, lambda: "mine" in words(pilot))
    await press(pilot, "enter")


async def from_the_form(pilot: Pilot[Any]) -> None:
    await press(pilot, "4")
    await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
    app_of(pilot).show_run(Path("mine").resolve())


async def from_the_data(pilot: Pilot[Any]) -> None:
    await press(pilot, "f4")
    app_of(pilot).show_run(Path("mine").resolve())


async def from_another_run(pilot: Pilot[Any]) -> None:
    app_of(pilot).show_run(Path("other").resolve())
    await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
    app_of(pilot).show_run(Path("mine").resolve())


async def again(pilot: Pilot[Any]) -> None:
    await press(pilot, "t")


async def guided(pilot: Pilot[Any]) -> None:
    await press(pilot, "f2")
    await until(pilot, lambda: isinstance(pilot.app.screen, HomePage))
    await press(pilot, "g")


async def on_the_data(pilot: Pilot[Any]) -> None:
    Path("chats.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}) + "\n")
    await press(pilot, "f4", *"chats.jsonl", "enter")
    await until(pilot, lambda: "1 record checked" in words(pilot))
    await press(pilot, "t")


async def on_the_model(pilot: Pilot[Any]) -> None:
    await press(pilot, "f3")
    await until(pilot, lambda: "Qwen3-4bit" in words(pilot))
    await press(pilot, "t")


async def by_its_digit(pilot: Pilot[Any]) -> None:
    await press(pilot, "4")


@pytest.mark.parametrize("origin", [from_home, from_the_form, from_the_data, from_another_run])
async def test_the_form_is_shown_whenever_it_is_asked_for(own_place: Path, origin: Step) -> None:
    write_story(write_adapter(own_place / "mine"), story(), {"data": "x.jsonl"})
    write_story(own_place / "other", story())
    os.utime(own_place / "other" / "run" / "events.jsonl", (1, 1))  # the older one

    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        for way in (again, guided, on_the_data, on_the_model, by_its_digit):
            await origin(pilot)
            await until(pilot, lambda: "[8 Run]" in words(pilot) and "mine" in words(pilot))
            await way(pilot)
            await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
            await until(pilot, lambda: "[4 Train]" in words(pilot))
            await press(pilot, "8")
            await until(pilot, lambda: "[8 Run]" in words(pilot))


async def test_every_key_of_a_page_leads_there_from_a_run(own_place: Path) -> None:
    write_story(own_place / "mine", story())

    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "8")
        assert "No run is open" in told(pilot)
        for i, name in enumerate(PAGES, 1):
            app_of(pilot).show_run(own_place / "mine")
            await until(pilot, lambda: "[8 Run]" in words(pilot))
            await press(pilot, str(i))
            assert pilot.app.current_mode == name
            assert f"[{i} {name.title()}]" in text(pilot).splitlines()[0]
        app_of(pilot).show_run(own_place / "mine")
        await press(pilot, "escape")
        assert pilot.app.current_mode == "deliver"  # where it was opened


async def test_the_cursor_stays_on_its_run(own_place: Path) -> None:
    for age, name in enumerate(("b", "a"), 1):
        write_story(own_place / name, [dataclasses.replace(e, time=5000.0 - age) for e in story()])
        os.utime(own_place / name / "run" / "events.jsonl", (5000 - age, 5000 - age))

    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await until(pilot, lambda: "done  a" in text(pilot))
        await press(pilot, "down")
        table = pilot.app.screen.query_one(DataTable)
        assert str(table.get_row_at(table.cursor_row)[1]) == "a"
        write_story(own_place / "newer", story())
        await until(pilot, lambda: "newer" in text(pilot))
        assert str(table.get_row_at(table.cursor_row)[1]) == "a"
        await press(pilot, "enter")
        await until(pilot, lambda: "done a · sprout" in words(pilot))


async def test_escape_never_leaves_a_page_without_keys(own_place: Path, adapter: Path) -> None:
    write_story(own_place / "mine", story())

    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await until(pilot, lambda: "mine" in words(pilot))
        for name in (*PAGES, "run"):
            app_of(pilot).show_run(own_place / "mine")
            app_of(pilot).action_go(name)
            await pilot.pause()
            await press(pilot, "escape" if name != "run" else "l")
            await until(pilot, lambda: pilot.app.screen.focused is not None)
        await press(pilot, "1", "escape", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))


async def test_what_is_typed_into_the_chat_survives_pages_and_escape(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), NARROW) as pilot:
        await press(pilot, "5", *"half")
        await press(pilot, "f2", "5")
        await press(pilot, *"way", "escape", *"home")
        composer = pilot.app.screen.query_one(Composer)
        assert composer.text == "halfwayhome"
        await press(pilot, "escape", "1")
        assert pilot.app.current_mode == "home"
