"""The parts of a page in a line."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tui.widgets.way_tabs import WayTabs


class Parts(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield WayTabs(("export", "import", "push"), "export")

    def on_way_tabs_chosen(self, message: WayTabs.Chosen) -> None:
        self.chosen.append(message.name)


async def test_the_one_that_is_shown_is_in_brackets_and_a_click_chooses() -> None:
    app = Parts()
    async with app.run_test() as pilot:
        tabs = app.query_one(WayTabs)
        assert tabs.render().plain == "[e Export] i Import  p Push "
        tabs.show("push")
        assert tabs.render().plain == " e Export  i Import [p Push]"
        for x in (0, 9, 10, 19, 20, 27, 28):
            await pilot.click(tabs, offset=(x, 0))
        await pilot.pause()
        assert app.chosen == ["export"] * 2 + ["import"] * 2 + ["push"] * 2
