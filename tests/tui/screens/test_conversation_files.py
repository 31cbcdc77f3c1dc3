"""Conversations between starts: what a signal cuts off is there again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.support import FAKE_WORKER, press, run, say, shown, told, until, words
from tui.app import ShadowApp
from tui.screens.conversation_files import KEPT
from tui.state import state_file


@pytest.mark.parametrize(("code", "kept"), [(128 + 15, True), (0, False)])
def test_a_conversation_that_a_signal_cuts_off_is_kept(
    adapter: Path, code: int, kept: bool
) -> None:
    file = state_file().with_name(KEPT)

    async def talk() -> None:
        async with shown(ShadowApp(FAKE_WORKER)) as pilot:
            await press(pilot, "5")
            await until(pilot, lambda: "adapters on sprout" in words(pilot))
            await say(pilot, "hi")
            await until(pilot, lambda: "55/s" in words(pilot))  # the whole of the answer
            pilot.app.exit(return_code=code)  # as the terminal's driver does on a signal

    async def come_back() -> None:
        async with shown(ShadowApp(FAKE_WORKER)) as pilot:
            await press(pilot, "5")
            await until(pilot, lambda: "attached heard hi" in words(pilot))
            assert "is here again" in told(pilot)
            assert "chat" in pilot.app.unsaved

    run(talk())
    assert file.exists() == kept
    if kept:
        run(come_back())
        assert not file.exists()
