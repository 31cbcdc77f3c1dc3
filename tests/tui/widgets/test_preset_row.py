"""The row of presets: which one stands in the form, and which comes next."""

from __future__ import annotations

from textual.app import App, ComposeResult

from shadow_mlx.config import TrainConfig
from tests.tui.support import text, until
from tui.widgets.preset_row import PresetRow


class Row(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield PresetRow(TrainConfig, id="presets")

    def on_preset_row_chosen(self, message: PresetRow.Chosen) -> None:
        self.chosen.append(message.name)


async def test_it_shows_what_stands_there_and_goes_round() -> None:
    app = Row()
    async with app.run_test(size=(100, 4)) as pilot:
        row, data = app.query_one(PresetRow), {"data": "x"}
        for texts, name, following in (
            (data, "● normal", "thorough"),
            ({**data, "epochs": "6", "patience": "5"}, "● thorough", "quick"),
            ({**data, "epochs": "3"}, "● your own", "quick"),
        ):
            row.show(texts)
            await until(pilot, lambda name=name: name in text(pilot))
            assert (text(pilot).count("●"), row.following) == (1, following)
        await pilot.click("#preset-thorough")
        await until(pilot, lambda: app.chosen == ["thorough"])


async def test_what_stands_there_is_seen_where_there_is_little_room() -> None:
    app = Row()
    async with app.run_test(size=(80, 4)) as pilot:
        app.query_one(PresetRow).show({"data": "x", "epochs": "3"})
        await until(pilot, lambda: "● your own" in text(pilot))
        assert "normal: the defaults" not in text(pilot)
        await pilot.resize_terminal(100, 4)
        await until(pilot, lambda: "normal: the defaults" in text(pilot))
