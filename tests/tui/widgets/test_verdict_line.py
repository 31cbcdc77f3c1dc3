"""A sign, what it is about, and what is said."""

from __future__ import annotations

from textual.app import App, ComposeResult

from tests.tui.support import text
from tui.widgets.verdict_line import VerdictLine


class Lines(App[None]):
    def compose(self) -> ComposeResult:
        yield VerdictLine("Memory", id="memory")


async def test_it_says_the_last_thing_with_its_kind() -> None:
    app = Lines()
    async with app.run_test(size=(40, 4)) as pilot:
        line = app.query_one(VerdictLine)
        line.tell("✔", "Fits.")
        await pilot.pause()
        assert line.has_class("-good")
        line.tell("✘", "Does \x1bnot fit.")
        await pilot.pause()
        assert (line.has_class("-good"), line.has_class("-bad")) == (False, True)
        assert text(pilot).splitlines()[0].split() == ["✘", "Memory", "Does", "␛not", "fit."]
