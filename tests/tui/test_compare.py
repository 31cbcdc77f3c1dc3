"""The comparison against a worker that pretends."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from shadow_mlx.worker import messages as m
from tests.evaluation.made import made_comparison
from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    press,
    sees,
    shown,
    told,
    until,
    words,
)
from tui.app import ShadowApp
from tui.screens.comparing import AdapterPicker
from tui.state import load_state
from tui.views import comparison
from tui.views.comparison import differing
from tui.widgets.option_row import OptionRow
from tui.widgets.side_by_side import Column, SideBySide


async def open_compare(pilot: Pilot[Any]) -> None:
    await press(pilot, "6")
    await until(pilot, lambda: "type a prompt" in words(pilot))


async def ask_all(pilot: Pilot[Any], prompt: str) -> None:
    """A prompt that every column has answered."""
    if pilot.app.current_mode != "compare":
        await open_compare(pilot)
    await press(pilot, *prompt, "enter")
    columns = pilot.app.screen.query_one(SideBySide)
    await until(pilot, lambda: len(columns.answers) == len(columns.order) > 0)


async def measure_two(pilot: Pilot[Any]) -> None:
    """The fake's two questions."""
    await open_compare(pilot)
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: "Measure a test file" in words(pilot))
    await press(pilot, *"x.jsonl", "enter")
    await until(pilot, lambda: "detached +1 −1 +0 −1 ·" in words(pilot))


def _marked(column: Column) -> list[str]:
    """The underlined words of an answer."""
    content = column.query_one(Static).content
    assert isinstance(content, Text)
    spans = [span for span in content.spans if "underline" in str(span.style)]
    return [content.plain[span.start : span.end] for span in spans]


pytestmark = pytest.mark.usefixtures("adapter")


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_one_prompt_to_all_modes(size: tuple[int, int]) -> None:
    async with shown(ShadowApp(FAKE_WORKER), size) as pilot:
        await press(pilot, "6")
        await until(pilot, lambda: "type a prompt" in words(pilot))
        await press(pilot, *"hello", "enter")
        for mode in ("base", "attached", "detached"):
            await until(pilot, lambda mode=mode: f"{mode} heard **hello**" in words(pilot))
        await until(pilot, lambda: "7 tok · 55/s" in words(pilot))


async def test_what_differs_from_the_attached_answer_is_underlined() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await ask_all(pilot, "hello")
        drawn = [_marked(column) for column in pilot.app.screen.query(Column)]
        assert drawn == [["base"], [], ["detached"]]


@pytest.mark.parametrize("how", ["key", "mouse"])
async def test_a_blind_vote_hides_the_names_until_it_is_given(how: str) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+b", *"hello", "enter")
        await until(pilot, lambda: "Which answer is the best? a, b, c" in words(pilot))
        assert "B attached" not in words(pilot)
        if how == "key":
            await press(pilot, "b")
        else:
            await pilot.click(pilot.app.screen.query(Column)[1])
        await until(pilot, lambda: "votes:" in words(pilot))
        winner = pilot.app.screen.query_one(SideBySide).order[1]
        assert f"B {winner}" in words(pilot)
        assert f"{winner} 1" in words(pilot)


async def test_stopped_the_others_are_notask_all() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, *"long", "enter")
        await until(pilot, lambda: "on on" in words(pilot))
        await press(pilot, "escape")
        columns = pilot.app.screen.query_one(SideBySide)
        await until(pilot, lambda: "type a prompt" in words(pilot))
        assert set(columns.answers) == {"base"}


async def test_blind_nothing_shows_before_all_have_answered_and_a_failure_ends_it() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        columns = pilot.app.screen.query_one(SideBySide)
        await press(pilot, "ctrl+b")
        columns.begin(blind=True)
        answer = m.Answered(1, "base", "early", 1, 1, 0, 1.0, 1.0, 1, "stop", 0.1)
        columns.hear("base", "early")
        columns.keep("base", answer)
        await pilot.pause()
        assert "early" not in words(pilot)
        for name in ("attached", "detached"):
            columns.keep(name, answer)
        await until(pilot, lambda: words(pilot).count("early") == 3)
        await press(pilot, *"fail", "enter")
        await until(pilot, lambda: "the chat template refuses" in told(pilot))
        await until(pilot, lambda: f"A {columns.order[0]}" in words(pilot))


async def test_several_adapters_by_mark_and_by_path(own_place: Path, adapter: Path) -> None:
    shutil.copytree(adapter, own_place / "two")
    shutil.copytree(adapter, own_place / "hidden" / ".away")

    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+o")
        await until(pilot, lambda: "Adapters to compare" in words(pilot))
        picker = pilot.app.screen
        assert isinstance(picker, AdapterPicker)
        assert len(picker.marked) == 1
        assert words(pilot).count("[ ]") == 1
        await press(pilot, "down", "space", "tab", *"nowhere", "enter")
        await until(pilot, lambda: "nowhere: no adapter here" in words(pilot))
        field = pilot.app.screen.query_one("#folder", Input)
        field.value = "hidden/.away"
        await press(pilot, "enter")
        await until(pilot, lambda: words(pilot).count("[x]") == 3)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: len(pilot.app.screen.query(Column)) == 7)
        pilot.app.screen.query_one("#prompt").focus()
        await ask_all(pilot, "hello")
        columns = pilot.app.screen.query_one(SideBySide)
        assert all(column.outer_size.width == 30 for column in columns.query(Column))
        assert columns.order[0] == "base"
        assert {"attached adapters", "detached two", "attached .away"} <= set(columns.order)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "Measure a test file" in words(pilot))
        await press(pilot, *"x.jsonl", "enter")
        await until(pilot, lambda: "against attached two" in words(pilot))


async def test_a_test_file_with_its_matrix_filters_and_examples() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await measure_two(pilot)
        assert "✔ ✘ question 1" in words(pilot)
        await press(pilot, "f")
        await until(pilot, lambda: "fixed: detached against base (1)" in words(pilot))
        assert "✔ ✘ question 1" not in words(pilot)
        assert "(1) · no difference shown (+0.0 points, −100.0 to +100.0; p = 1.00)" in words(pilot)
        assert "✔ detached" in words(pilot)
        await press(pilot, "p")
        await until(pilot, lambda: "fixed: detached against attached (0)" in words(pilot))
        await sees(pilot, "no such example")
        await press(pilot, "p")
        await until(pilot, lambda: "fixed: attached against base (1)" in words(pilot))
        await press(pilot, "f", "f", "f", "slash", *"question 1", "enter")
        await until(pilot, lambda: "right: attached against base (1), contain" in words(pilot))


async def test_the_matrix_leads_to_the_examples_and_these_to_the_whole_screen() -> None:
    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await measure_two(pilot)
        pilot.app.screen.query_one("#matrix").focus()
        await press(pilot, "down", "down", "right", "enter")
        await until(pilot, lambda: "fixed: detached against base (1)" in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "regressed: detached against base (1)" in words(pilot))
        pilot.app.screen.query_one("#examples").focus()
        await press(pilot, "f", "f", "f", "f", "f", "enter")
        await until(pilot, lambda: "example 1 of 2" in words(pilot))
        await sees(pilot, "expected yes")
        await press(pilot, "n")
        await until(pilot, lambda: "example 2 of 2" in words(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "+ FIXED" in words(pilot))
        assert pilot.app.screen.query_one("#examples", DataTable).cursor_row == 1


async def test_the_line_between_list_and_example_moves() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await measure_two(pilot)
        detail = pilot.app.screen.query_one("#detail")
        before = detail.outer_size.height
        await press(pilot, "f10")
        await until(pilot, lambda: detail.outer_size.height < before)
        await press(pilot, "f9")
        await until(pilot, lambda: detail.outer_size.height == before)


async def test_what_the_form_says_is_kept_but_what_belongs_to_the_file() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: app.screen.query("#row-text_feature"))
        rows = {row.field.name: row for row in app.screen.query(OptionRow)}
        assert rows["limit"].value == "200"
        rows["limit"].value, rows["text_feature"].value = "some", "said"
        await press(pilot, "enter")
        await until(pilot, lambda: "--data: name the chats" in words(pilot))
        await press(pilot, *"x.jsonl", "enter")
        await until(pilot, lambda: "--limit: expected a whole number, found 'some'" in words(pilot))
        assert rows["limit"].has_focus_within
        await press(pilot, "backspace", *"1", "enter")
        await until(pilot, lambda: "1 question of x.jsonl" in words(pilot))
        assert app.state.compare == {"limit": 1}
    assert load_state().compare == {"limit": 1}


async def test_the_adapters_of_the_form_are_compared_from_then_on(
    own_place: Path, adapter: Path
) -> None:
    shutil.copytree(adapter, own_place / "t w o")
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: pilot.app.screen.query("#row-limit"))
        pilot.app.screen.query_one("#row-adapter_path", OptionRow).value = "adapters 't w o'"
        await press(pilot, *"x.jsonl", "enter")
        await until(pilot, lambda: "against attached two" in words(pilot))
        await press(pilot, "w")
        await until(pilot, lambda: "attached t w o" in words(pilot))


async def test_rivals_are_named_one_behind_the_other() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "Measure a test file" in words(pilot))
        pilot.app.screen.query_one("#row-rival", OptionRow).value = "lora 'my dora' a/b"
        await press(pilot, *"x.jsonl", "enter")
        for name in ("rival lora", "rival my dora", "rival b"):
            await until(pilot, lambda name=name: f"against {name}" in words(pilot))


async def test_the_report_is_written_where_it_is_told(own_place: Path) -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await measure_two(pilot)
        await press(pilot, "e")
        await until(pilot, lambda: "compare-x.html" in words(pilot))
        await press(pilot, "enter")
        report = own_place / "compare-x.html"
        await until(pilot, lambda: f"The report is written: {report}" in told(pilot))
        assert "FIXED 1" in report.read_text(encoding="utf-8")
        await press(pilot, "e")
        await until(pilot, lambda: "compare-x-2.html" in words(pilot))
        pilot.app.screen.query_one(Input).value = str(own_place)
        await press(pilot, "enter")
        await until(pilot, lambda: "a folder; give the name of a file" in told(pilot))
        report.write_text("old")
        for answer, content in (("escape", "old"), ("y", "<!doctype html>")):
            await press(pilot, "e")
            await until(pilot, lambda: "compare-x-2.html" in words(pilot))
            pilot.app.screen.query_one(Input).value = str(report)
            await press(pilot, "enter")
            await until(pilot, lambda: "is there already" in words(pilot))
            await press(pilot, answer)
            await until(pilot, lambda: "is there already" not in words(pilot))
            await until(
                pilot,
                lambda content=content: report.read_text(encoding="utf-8").startswith(content),
            )


async def test_without_an_adapter_it_says_what_to_do(adapter: Path) -> None:
    for file in adapter.glob("adapter_*"):
        file.unlink()

    async with shown(ShadowApp(FAKE_WORKER)) as pilot:
        await press(pilot, "6")
        await until(pilot, lambda: "no adapter yet" in words(pilot))


def test_text_in_the_report_and_the_tables_is_shown_as_it_is() -> None:
    figures = made_comparison({"base": [False], "\x1b[31mred": [True]}).to_mapping()
    assert comparison.rows(figures)[1][0].plain == "␛[31mred"
    assert comparison.matrix(figures)[1][0].plain == "␛[31mred"


def test_filters_over_all_models_and_words() -> None:
    figures = made_comparison(
        {"a": [False, True, False, None], "b": [False, False, True, True]}
    ).to_mapping()
    examples = comparison.examples_of(figures)

    def lines(which: str, text: str = "") -> list[int]:
        return [one.line for one in comparison.chosen(examples, which, "a", "b", text)]

    assert lines("wrong in all") == [1]
    assert lines("mixed") == [2, 3]
    assert lines("fixed") == [3]
    assert lines("regressed") == [2]
    assert lines("right") == [3, 4]
    assert lines("wrong") == [1, 2]
    assert lines("all", "QUESTION 2") == [3]
    assert "not answered" in comparison.detail(examples[3]).plain


def test_differences_are_underlined_word_by_word() -> None:
    text = differing("go to the hall", "go to the attic")
    assert text.plain == "go to the attic"
    marked = [text.plain[s.start : s.end] for s in text.spans if "underline" in str(s.style)]
    assert marked == ["attic"]


async def test_prompts_that_are_typed_ahead_are_asked_in_turn_and_not_glued() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, *"long", "enter")
        await until(pilot, lambda: "heard **long**" in words(pilot))
        await press(pilot, *"two", "enter", *"rest")
        await until(pilot, lambda: "waits: two" in words(pilot))
        field = pilot.app.screen.query_one("#prompt", Input)
        assert field.value == "rest"
        await press(pilot, "escape")  # stops, and gives back
        await until(pilot, lambda: "type a prompt" in words(pilot))
        assert field.value == "two rest"
        await press(pilot, "home", *"is ", "enter", *"more")
        await until(pilot, lambda: "detached heard **is two rest**" in words(pilot))
        assert field.value == "more"


async def test_a_vote_neither_takes_typed_letters_nor_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, typed = ShadowApp(FAKE_WORKER), asyncio.Event()
    load = app.processes.loaded

    async def loaded(*chosen: Any) -> m.Loaded:
        await typed.wait()
        return await load(*chosen)

    monkeypatch.setattr(app.processes, "loaded", loaded)
    async with shown(app, WIDE) as pilot:
        await open_compare(pilot)
        await press(pilot, "ctrl+b", *"one", "enter", *"a", "enter", *"b")
        typed.set()
        await until(pilot, lambda: "Which answer is the best?" in words(pilot))
        await sees(pilot, "waits: a")
        assert pilot.app.screen.query_one("#prompt", Input).value == "b"
        await press(pilot, "escape", "escape", "c")
        await until(pilot, lambda: "votes:" in words(pilot))


async def test_the_chats_settings_are_named_where_they_count() -> None:
    app = ShadowApp(FAKE_WORKER)
    app.remember(answers={"temp": 1.2, "thinking": "off"})
    async with shown(app, WIDE) as pilot:
        await open_compare(pilot)
        assert "as in the chat: temp 1.2, thinking off" in words(pilot)


async def test_a_search_is_cleared_by_an_empty_one() -> None:
    async with shown(ShadowApp(FAKE_WORKER), WIDE) as pilot:
        await measure_two(pilot)
        await press(pilot, "slash", *"question 1", "enter")
        await until(pilot, lambda: "(1), containing 'question 1'" in words(pilot))
        await press(pilot, "slash", "backspace", "enter")  # what was searched is selected
        await until(pilot, lambda: "containing" not in words(pilot) and "(2)" in words(pilot))
