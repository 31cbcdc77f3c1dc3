"""The cards that a newcomer sees."""

from __future__ import annotations

import pytest

from tests.tui.support import FAKE_WORKER, NARROW, WIDE, shown, until, words
from tui.app import ShadowApp
from tui.widgets.welcome import Welcome


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_newcomer_sees_what_the_two_models_are(size: tuple[int, int]) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await until(pilot, lambda: "a first run, all filled in" in words(pilot))
        for part in ("attached question ──▶", "detached question ──▶", "the training form"):
            assert part in words(pilot)
        cards = pilot.app.screen.query("Card")
        assert len(cards) == 3
        assert all(card.region.width <= 90 and card.region.right <= size[0] for card in cards)
        assert all(card.region.bottom <= size[1] - 1 for card in cards)
        assert pilot.app.screen.query_one(Welcome).max_scroll_y == 0
