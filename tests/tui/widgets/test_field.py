"""Fields that take a path complete it, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from tests.tui.support import FAKE_WORKER, WIDE, completes, press, shown, until, words
from tui.app import ShadowApp
from tui.widgets.field import Field, PathSuggester


async def test_questions_for_a_file_are_completed(long_name: str, adapter: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "5")
        await until(pilot, lambda: app.screen.query("Composer"))
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: len(app.screen_stack) > 1 and app.screen.query(Field))
        await completes(pilot, app.screen.query_one(Field), long_name)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("pl", "plain/"),
        ("x pl", "x plain/"),
        ("'t w o' pl", "'t w o' plain/"),
        ("t", "t.jsonl"),  # a folder with spaces needs quotes
        ("'t", "'t w o/'"),
        ('plain "t', 'plain "t w o/"'),
        ("it", None),
        ('"it', '"it\'s/"'),
        ("x'y", None),
        ("x ", None),
    ],
)
async def test_the_last_of_several_paths_is_completed(
    own_place: Path, typed: str, completed: str | None
) -> None:
    for name in ("plain", "t w o", "it's"):
        (own_place / name).mkdir()
    (own_place / "t.jsonl").touch()
    assert await PathSuggester(several=True).get_suggestion(typed) == completed


async def test_a_single_path_may_hold_anything(own_place: Path) -> None:
    (own_place / "t w o").mkdir()
    assert await PathSuggester().get_suggestion("t w") == "t w o/"


async def test_a_value_longer_than_its_field_is_seen() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: app.screen.query(Field))
        field = app.screen.query(Field).first()
        field.value = "a-place/" * 20
        await until(pilot, lambda: field.virtual_size.width > field.size.width)
        await pilot.pause(0.1)
        assert words(pilot).count("a-place/") > 2  # and no scrollbar over it


class Empty(App[None]):
    def compose(self) -> ComposeResult:
        yield Field(placeholder="as many as there is room for", compact=True)


async def test_what_an_empty_field_means_is_not_cut_in_silence() -> None:
    async with Empty().run_test(size=(12, 3)) as pilot:
        await until(pilot, lambda: words(pilot) == "as many as …")
        await pilot.resize_terminal(60, 3)
        await until(pilot, lambda: "as many as there is room for" in words(pilot))
