"""A run's answers to its examples, shown step by step."""

from __future__ import annotations

from pathlib import Path

from tests.runs.fake_run import sampled, started, story, trained, validated, write_story
from tests.tui.support import NARROW, WIDE, press, sees, shown, text, until, words
from tui.app import ShadowApp
from tui.widgets.samples import answer

EXPECTED = '{"intent": "fetch", "object": "cup 1"}'


def test_what_differs_from_the_expected_answer_is_marked() -> None:
    assert answer("attached", "a cup", "a cup", compact=False).plain == "attached ✔\na cup"
    text = answer("detached", "a  cat", "a cup", compact=True)
    assert text.plain == "detached   a cat"
    marked = [text.plain[span.start : span.end] for span in text.spans if "underline" in span.style]
    assert marked == ["cat"]


async def test_answers_side_by_side_on_a_wide_screen(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "[ step 300 ] 6/6 · please bring me cup 1" in words(pilot))
        await until(pilot, lambda: "expected attached ✔ detached ✔ │" in words(pilot))
        await press(pilot, *["left_square_bracket"] * 3)
        await until(pilot, lambda: "[ step 150 ] 3/6" in words(pilot))
        await sees(pilot, "expected attached ✔ detached │", "cup 150 ok")
        await press(pilot, *["left_square_bracket"] * 9)
        await until(pilot, lambda: "[ step 50 ] 1/6" in words(pilot))
        await sees(pilot, "cup 50 ok")
        await press(pilot, *["right_square_bracket"] * 9)
        await until(pilot, lambda: "[ step 300 ] 6/6" in words(pilot))


async def test_answers_fit_on_a_small_screen_and_make_room(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    async with shown(app, NARROW) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: f"detached ✔ {EXPECTED}" in words(pilot))
        for name in ("expected", "attached ✔"):
            assert f"{name} {EXPECTED}" in words(pilot)
        assert "train ─ ╌" in words(pilot)
        assert "speed 2,345 tokens/s" in words(pilot)
        await press(pilot, "a")
        await until(pilot, lambda: EXPECTED not in words(pilot))
        await press(pilot, "a")
        await until(pilot, lambda: EXPECTED in words(pilot))
        await pilot.resize_terminal(80, 14)
        await until(pilot, lambda: EXPECTED not in words(pilot))


async def test_long_answers_take_one_line_each_on_a_small_screen(own_place: Path) -> None:
    events = [started(100), trained(50), sampled(50, detached="a" * 60 + " " + "b" * 60)]
    folder = write_story(own_place / "mine", events)

    app = ShadowApp()
    async with shown(app, NARROW) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: f"detached   {'a' * 60} bbbb" in text(pilot))
        assert "b…" in text(pilot)


async def test_another_example_of_the_same_step(own_place: Path) -> None:
    events = [started(100), trained(50), validated(50), sampled(50), sampled(50, 2)]
    folder = write_story(own_place / "mine", events)

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "n: example 1/2 · please bring me cup 1" in words(pilot))
        await press(pilot, "n")
        await until(pilot, lambda: "n: example 2/2 · please bring me cup 2" in words(pilot))


async def test_new_answers_are_followed_unless_an_earlier_one_is_read(own_place: Path) -> None:
    events = [started(300), trained(50), sampled(50), sampled(100)]
    folder = write_story(own_place / "mine", events)

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "[ step 100 ] 2/2" in words(pilot))
        write_story(folder, [sampled(150)])
        await until(pilot, lambda: "[ step 150 ] 3/3" in words(pilot))
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: "[ step 100 ] 2/3" in words(pilot))
        write_story(folder, [sampled(200)])
        await until(pilot, lambda: "[ step 100 ] 2/4" in words(pilot))


async def test_answers_are_shown_and_not_interpreted(own_place: Path) -> None:
    events = [started(100), sampled(50, detached="[bold]no[/] \x1b]0;title\x07")]
    folder = write_story(own_place / "mine", events)

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "[bold]no[/] ␛]0;title␇" in words(pilot))
