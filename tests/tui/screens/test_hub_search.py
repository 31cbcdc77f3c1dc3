"""Finding a model on the hub, with the real worker's child in the pretender's place."""

from __future__ import annotations

from pathlib import Path

from tests.hub_server import FakeHub
from tests.tui.support import FAKE_WORKER, WIDE, press, shown, told, until, words
from tui.app import ShadowApp


async def test_a_model_is_found_by_typing_and_fetched(server: FakeHub) -> None:
    async with shown(ShadowApp(), WIDE) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "sprout" in words(pilot), 20)
        await until(pilot, lambda: "No model is fetched yet · " in words(pilot), 20)
        assert "free on their disk" in words(pilot)
        await press(pilot, "d", *"lar")
        await until(pilot, lambda: "25 MB · qwen3 · ✔ fits" in words(pilot), 20)
        await press(pilot, "enter")
        await until(pilot, lambda: "owner/large is here." in told(pilot), 20)
        await press(pilot, "x")
        await until(pilot, lambda: "Only what was fetched" in told(pilot), 20)
        await until(pilot, lambda: "Fetched models take 25 MB · " in words(pilot), 20)
        await press(pilot, "end", "ctrl+end", "x")
        await until(pilot, lambda: "Delete owner/large (25 MB)" in words(pilot), 20)
        await press(pilot, "y")
        await until(pilot, lambda: "owner/large is deleted" in told(pilot), 20)
        await until(pilot, lambda: "No model is fetched yet · " in words(pilot), 20)
        assert "owner/large" not in words(pilot)


async def test_what_is_not_supported_says_why(own_place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await press(pilot, "2")
        await until(pilot, lambda: "Talkie" in words(pilot), 20)
        await press(pilot, "d", *"none")
        await until(pilot, lambda: "Nothing on the hub is called so." in words(pilot), 20)
        await press(pilot, "ctrl+u", *"talk")
        await until(pilot, lambda: "✘ its blocks are others" in words(pilot), 20)
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "! its blocks are others" in words(pilot), 20)
