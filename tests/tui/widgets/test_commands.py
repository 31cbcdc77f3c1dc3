"""The palette begins with the pages, and no arrow key of a widget is in it."""

from __future__ import annotations

from textual.command import CommandPalette
from textual.widgets import OptionList

from tests.tui.support import FAKE_WORKER, WIDE, press, shown, until
from tui.app import PAGES, ShadowApp


async def test_pages_come_first_then_what_this_one_can_do(adapter: object) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await until(pilot, lambda: len(app.screen.query("DataTable")))
        await press(pilot, "ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        listed = app.screen.query_one(OptionList)
        await until(pilot, lambda: listed.option_count > len(PAGES))
        titles = [str(listed.get_option_at_index(i).prompt) for i in range(listed.option_count)]
        firsts = [title.splitlines()[0].strip() for title in titles]
        assert firsts[: len(PAGES)] == [f"Go to {name.title()}" for name in PAGES]
        after = firsts[len(PAGES) :]
        assert {"First run", "Compare", "Sort"} <= set(after[: after.index("Change keys")])
        assert not {"Cursor down", "Bottom", "Focus Next", "Keys"} & set(firsts)
