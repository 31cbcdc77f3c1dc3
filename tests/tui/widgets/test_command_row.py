"""A command that is shown, and copied by Enter or a click."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tests.tui.support import press
from tui.widgets.command_row import CommandRow


class Shell(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.copied: list[str] = []

    def compose(self) -> ComposeResult:
        yield CommandRow(id="command")

    def on_command_row_copied(self, message: CommandRow.Copied) -> None:
        self.copied.append(message.command)


async def test_it_is_copied_as_it_is_and_shown_so_that_it_can_do_no_harm() -> None:
    app = Shell()
    async with app.run_test() as pilot:
        row = app.query_one(CommandRow)
        await pilot.pause()
        assert not row.display
        row.action_copy()
        row.show("ls '\x1b[31m'")
        row.focus()
        await pilot.pause()
        await press(pilot, "enter")
        await pilot.click(row)
        await pilot.pause()
        assert app.copied == ["ls '\x1b[31m'"] * 2
        assert str(row.content) == "$ ls '␛[31m'"
        row.show("")
        await pilot.pause()
        assert not row.display
