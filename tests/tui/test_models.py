"""The models' page and home, with the real worker and a stand-in hub."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from shadow_mlx.worker.messages import ModelView
from tests.hub_server import FakeHub
from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    footer,
    press,
    shown,
    text,
    told,
    until,
    words,
)
from tui.app import ShadowApp
from tui.screens.home import models_line
from tui.screens.models import fetched

MB = 1 << 20


async def test_a_download_shows_bytes_stops_and_goes_on(server: FakeHub) -> None:
    server.stalls_after = 12 * MB

    async with shown(ShadowApp(), WIDE) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "sprout" in text(pilot))
        await ask_for(pilot, "owner/large")
        await until(pilot, lambda: "50%" in text(pilot) and "13 MB of 25 MB" in text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "What was fetched is kept" in told(pilot))
        server.stalls_after = None
        await ask_for(pilot, "owner/large")
        await until(pilot, lambda: "owner/large is here." in told(pilot))
        await until(pilot, lambda: "owner/large" in text(pilot).split("Model", 1)[1])
        assert server.ranges == [f"bytes={12 * MB}-"]
        await ask_for(pilot, "owner/none")
        await until(pilot, lambda: "owner/none: no such model on the hub" in told(pilot))


async def ask_for(pilot: Pilot[Any], name: str) -> None:
    await press(pilot, "d")
    await until(pilot, lambda: "Find a model on the Hugging Face hub" in words(pilot))
    await press(pilot, "ctrl+u", *name, "enter")


async def test_whether_training_a_model_fits_is_told_when_the_cursor_rests_on_it() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "Trained with the default settings on the" in words(pilot))
        assert "✔ Fits: 8 GB of 8 GB." in words(pilot)
        await press(pilot, "down", "down")
        await until(pilot, lambda: "its blocks are others" in words(pilot))
        assert "Fits:" not in words(pilot)
        assert "architecture talkie" in words(pilot)
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: "Architecture Where Here" in words(pilot))
        assert "its blocks are others Fetched models take 2.00 GB" in words(pilot)
        await press(pilot, "t")
        await until(pilot, lambda: "its blocks are others" in told(pilot))


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_home_tells_the_models_and_the_first_step(size: tuple[int, int]) -> None:
    async with shown(ShadowApp(), size) as pilot:
        await until(pilot, lambda: "Models here: sprout (" in words(pilot))
        screen = text(pilot)
        assert "a first run, all filled in" in screen
        assert "F1  help" in screen
        await until(pilot, lambda: "First run" in footer(pilot))


def test_the_line_of_models() -> None:
    views = [ModelView(f"m{i}", "folder", f"/m{i}", "qwen3", "", 5_000_000, i != 1) for i in (0, 1)]
    assert models_line(views) == "Models here: m0 (5 MB) · 2 shows and fetches models"
    many = [ModelView(f"m{i}", "", "", "", "", 0, True) for i in range(5)]
    assert "m2 (0 MB) and 2 more" in models_line(many)
    assert models_line([]).startswith("Models here: none")


def test_progress_in_words() -> None:
    assert fetched("a/b", 1_500_000_000, 3_000_000_000).endswith("50%  1.50 GB of 3.00 GB")
