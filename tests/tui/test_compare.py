"""The comparison against a worker that pretends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.support import FAKE_WORKER, NARROW, WIDE, press, run, shown, until, words
from tui.app import ShadowApp
from tui.comparison import differing
from tui.screens.compare import CompareScreen

pytestmark = pytest.mark.usefixtures("adapter")


@pytest.mark.parametrize("size", [NARROW, WIDE])
def test_one_prompt_to_all_modes(size: tuple[int, int]) -> None:
    async def test() -> None:
        async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
            await press(pilot, "6")
            await until(pilot, lambda: "type a prompt" in words(pilot))
            await press(pilot, *"hello", "enter")
            for mode in ("base", "attached", "detached"):
                await until(pilot, lambda mode=mode: f"{mode} heard **hello**" in words(pilot))
            await until(pilot, lambda: "7 tok · 55/s" in words(pilot))

    run(test())


def test_a_blind_vote_hides_the_names_until_it_is_given() -> None:
    async def test() -> None:
        async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
            await press(pilot, "6")
            await until(pilot, lambda: "type a prompt" in words(pilot))
            await press(pilot, "ctrl+b", *"hello", "enter")
            await until(pilot, lambda: "Which answer is the best" in words(pilot))
            assert "B attached" not in words(pilot)
            await press(pilot, "b")
            await until(pilot, lambda: "votes:" in words(pilot))
            screen = pilot.app.screen
            assert isinstance(screen, CompareScreen)
            assert f"B {screen.order[1]}" in words(pilot)

    run(test())


def test_a_test_file_with_its_matrix_filters_and_examples(own_place: Path) -> None:
    async def test() -> None:
        async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
            await press(pilot, "6")
            await until(pilot, lambda: "type a prompt" in words(pilot))
            await press(pilot, "ctrl+r")
            await until(pilot, lambda: "Test file" in words(pilot))
            await press(pilot, *"x.jsonl", "enter")
            await until(pilot, lambda: "FIXED 1, REGRESSED 1" in words(pilot))
            assert "question 1" in words(pilot)
            await press(pilot, "f")
            await until(pilot, lambda: "fixed: detached against base (1)" in words(pilot))
            assert "question 1" not in words(pilot)
            assert "✔ detached" in words(pilot)

    run(test())


def test_without_an_adapter_it_says_what_to_do(adapter: Path) -> None:
    (adapter / "adapter_model.safetensors").unlink()

    async def test() -> None:
        async with shown(ShadowApp(FAKE_WORKER)) as pilot:
            await press(pilot, "6")
            await until(pilot, lambda: "no adapter yet" in words(pilot))

    run(test())


def test_differences_are_underlined_word_by_word() -> None:
    text = differing("go to the hall", "go to the attic")
    assert text.plain == "go to the attic"
    marked = [text.plain[s.start : s.end] for s in text.spans if "underline" in str(s.style)]
    assert marked == ["attic"]
