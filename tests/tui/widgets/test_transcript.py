"""Messages on the screen: heads, a measure to read in, thoughts that are folded, JSON as code."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Collapsible
from textual.widgets.markdown import MarkdownFence

from tests.tui.screens.test_talking import answered, opened
from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, say, shown, text, told, until, words
from tui.app import ShadowApp
from tui.widgets.transcript import Bubble
from tui.widgets.transcript import shown as as_markdown


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ('{"a": [1, "~~~~"]}', True),
        (" [1]\n", True),
        ("[a](b)", False),
        ("{x", False),
        ("plain", False),
        ("[" * 100_000, False),
    ],
)
def test_an_answer_that_is_json_is_code(answer: str, code: bool) -> None:
    assert as_markdown(answer).startswith("~~~~json\n") == code
    assert answer.strip() in as_markdown(answer)


async def test_json_is_shown_as_code_to_the_last_letter(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await opened(pilot)
        await say(pilot, '{"intent":"fetch","count":2}')
        await until(pilot, lambda: pilot.app.screen.query(MarkdownFence))
        await until(pilot, lambda: text(pilot).count('{"intent":"fetch","count":2}') == 2)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_the_head_has_the_cost_and_lines_end_at_ninety(
    adapter: Path, size: tuple[int, int]
) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await opened(pilot)
        await say(pilot, "word " * 60)
        await until(pilot, lambda: "55/s" in words(pilot))
        heads = [line for line in text(pilot).splitlines() if "first after 20 ms" in line]
        assert heads[0].split()[:3] == ["attached", "·", "adapters"]
        assert all(bubble.size.width <= 90 for bubble in pilot.app.screen.query(Bubble))


async def test_thoughts_are_opened_and_folded_by_key(adapter: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        chat = await opened(pilot)
        await press(pilot, "ctrl+k")
        assert "No answer here" in told(pilot)
        await answered(pilot, "think")
        await until(pilot, lambda: "thought: 4 words" in words(pilot))
        assert "first this" not in words(pilot)
        await press(pilot, "ctrl+k")
        await until(pilot, lambda: "first this, then that" in words(pilot))
        await press(pilot, "ctrl+k")
        await until(pilot, lambda: all(one.collapsed for one in chat.query(Collapsible)))
