"""The line between two panes: by key, by mouse, and found again after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Static

from tests.runs.fake_run import story, write_story
from tests.tui.support import NARROW, WIDE, press, shown, until, words
from tui.app import ShadowApp
from tui.screens.base import Page
from tui.state import load_state
from tui.widgets.divider import Divider


def side(pilot: Pilot[Any]) -> int:
    return int(pilot.app.screen.query_one("#side").outer_size.width)


async def opened(app: ShadowApp, pilot: Pilot[Any], folder: Path) -> None:
    app.show_run(folder)
    await until(pilot, lambda: "2,345 tokens/s" in words(pilot))


async def test_keys_move_it_and_the_size_is_kept(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await opened(app, pilot, folder)
        before = side(pilot)
        await press(pilot, "f9", "less_than_sign", "f9", "greater_than_sign")
        await until(pilot, lambda: side(pilot) == before + 4)
        await until(pilot, lambda: app.state.panes == {"run": before + 4})
    assert load_state().panes == {"run": before + 4}
    again = ShadowApp()
    async with shown(again, WIDE) as pilot:
        await opened(again, pilot, folder)
        await until(pilot, lambda: side(pilot) == before + 4)


async def test_the_mouse_drags_it(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await opened(app, pilot, folder)
        before = side(pilot)
        region = app.screen.query_one(Divider).region
        await pilot.mouse_down(offset=(region.x, region.y + 2))
        await pilot.hover(offset=(region.x - 10, region.y + 5))
        await pilot.mouse_up(offset=(region.x - 10, region.y + 5))
        await until(pilot, lambda: side(pilot) == before + 10)
        await pilot.hover(offset=(region.x + 20, region.y + 5))  # it was let go
        await pilot.pause()
        assert side(pilot) == before + 10
        await until(pilot, lambda: app.state.panes == {"run": before + 10})


async def test_no_pane_is_lost_at_the_edges(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    app.remember(panes={"run": 5_000})
    async with shown(app, WIDE) as pilot:
        await opened(app, pilot, folder)
        await until(pilot, lambda: side(pilot) == WIDE[0] * 8 // 10)
        await press(pilot, *["f10"] * 80)
        await until(pilot, lambda: side(pilot) == 3)


async def test_undisplayed_it_leaves_the_sizes_to_the_styles(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    app.remember(panes={"run": 30, "other": "damaged"})
    async with shown(app, WIDE) as pilot:
        await opened(app, pilot, folder)
        await until(pilot, lambda: side(pilot) == 30)
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: side(pilot) == NARROW[0])
        await pilot.resize_terminal(*WIDE)
        await until(pilot, lambda: side(pilot) == 30)


class Stacked(Page):
    """Two panes above each other."""

    DEFAULT_CSS = "Stacked #above { height: 1fr; } Stacked #below { height: 10; }"

    def body(self) -> ComposeResult:
        yield Input(id="above")
        yield Divider("stacked", rows=True)
        yield Static(id="below")


async def test_panes_above_each_other_share_the_height() -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await app.push_screen(Stacked())
        below = app.screen.query_one("#below")
        await until(pilot, lambda: below.outer_size.height == 10)
        app.screen.query_one(Input).focus()
        await press(pilot, "f9", "f9", "f10")  # a field takes none of these keys
        await until(pilot, lambda: below.outer_size.height == 12)
        region = app.screen.query_one(Divider).region
        await pilot.mouse_down(offset=(region.x + 2, region.y))
        await pilot.hover(offset=(region.x + 2, region.y + 5))
        await pilot.mouse_up(offset=(region.x + 2, region.y + 5))
        await until(pilot, lambda: below.outer_size.height == 7)
        await until(pilot, lambda: app.state.panes == {"stacked": 7})
