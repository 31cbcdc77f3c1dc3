"""Two presses in a row are two presses."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tui.widgets.press_button import PressButton


class Counting(App[None]):
    pressed = 0

    def compose(self) -> ComposeResult:
        yield PressButton("Go", id="go", variant="primary")

    def on_button_pressed(self) -> None:
        self.pressed += 1


async def test_a_press_right_behind_another_counts() -> None:
    app = Counting()
    async with app.run_test() as pilot:
        app.query_one("#go").focus()
        await pilot.press("enter", "enter", "enter")
        await pilot.click("#go")
        await pilot.pause()
        assert app.pressed == 4
