"""The data page against the real worker, which imports no MLX for this."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from shadow_mlx.config.paths import absolute, local
from shadow_mlx.data.reading.sources import files_of, refusal_of
from shadow_mlx.worker import messages as m
from tests.tui.support import NARROW, WIDE, judged, press, sees, shown, text, told, until, words
from tui.app import ShadowApp
from tui.screens.data import DataScreen
from tui.screens.train import TrainScreen
from tui.views import data_view, finder


def write(path: Path, count: int, broken: dict[int, str] | None = None) -> Path:
    lines = [
        json.dumps({"messages": [
            {"role": "user", "content": f"question {i}"},
            {"role": "assistant", "content": f"answer {i}"},
        ]})
        for i in range(1, count + 1)
    ]  # fmt: skip
    for number, line in (broken or {}).items():
        lines[number - 1] = line
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_file_is_found_by_some_of_its_letters(
    own_place: Path, size: tuple[int, int]
) -> None:
    (own_place / "deep").mkdir()
    write(own_place / "deep" / "robot-talk.jsonl", 30)
    write(own_place / "other.jsonl", 3)

    app = ShadowApp()
    async with shown(app, size) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "deep/robot-talk.jsonl" in text(pilot))
        await press(pilot, *"rtalk", "enter")
        await until(pilot, lambda: "✔ no problems" in words(pilot))
        screen = words(pilot)
        assert "30 records checked" in screen
        assert "user: question 1 assistant: answer 1" in screen
        await press(pilot, "n")
        await until(pilot, lambda: "question 1 " not in words(pilot))
        await press(pilot, "b")
        await until(pilot, lambda: "question 1 " in words(pilot))
        assert app.state.recent_data == (str(own_place / "deep" / "robot-talk.jsonl"),)


async def test_problems_are_listed_and_jumped_to(own_place: Path) -> None:
    write(own_place / "bad.jsonl", 40, {25: '{"messages": "x"}', 33: "nonsense [bold] \x1b"})

    async with shown(ShadowApp(), WIDE) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "bad.jsonl" in text(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "2 problems" in words(pilot))
        await press(pilot, "e")
        assert "line 25: found 'messages' is 'x'" in words(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "records 25 to" in words(pilot))
        await press(pilot, "e", "down", "enter")
        await until(pilot, lambda: "nonsense [bold] ␛" in words(pilot))


async def test_a_folder_brings_its_splits_and_goes_to_the_form(own_place: Path) -> None:
    folder = own_place / "set"
    folder.mkdir()
    write(folder / "train.jsonl", 20)
    write(folder / "valid.jsonl", 5)

    app = ShadowApp()
    async with shown(app) as pilot:
        await press(pilot, "3")
        screen = app.screen
        assert isinstance(screen, DataScreen)
        screen.open(str(folder))
        await until(pilot, lambda: "20 records checked" in words(pilot))
        await press(pilot, "a")
        await until(pilot, lambda: "5 records checked" in words(pilot))
        await press(pilot, "t")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await judged(pilot, "20 examples to learn from, 5 to validate")


async def test_what_is_no_data_is_said(own_place: Path) -> None:
    (own_place / "nothing").mkdir()

    app = ShadowApp()
    async with shown(app) as pilot:
        await press(pilot, "3")
        screen = app.screen
        assert isinstance(screen, DataScreen)
        screen.open(str(own_place / "nothing"))
        await until(pilot, lambda: "no data here" in told(pilot))
        await press(pilot, "escape", "k")
        assert "Open a file first" in told(pilot)


def write_columns(path: Path, count: int = 12) -> Path:
    lines = [
        {"id": i, "instruction": f"do {i}", "topic": "", "answer": f"done {i}"}
        for i in range(1, count + 1)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_columns_are_chosen_by_hand(
    own_place: Path, tiny_backbone: Path, size: tuple[int, int]
) -> None:
    write_columns(own_place / "odd.jsonl")
    shutil.copytree(tiny_backbone, own_place / "tiny")

    app = ShadowApp()
    app.remember(form={"model": "tiny"})
    async with shown(app, size) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "odd.jsonl" in text(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "[prompt]" in text(pilot))
        assert "[completion] answer" in words(pilot)  # a guess
        assert "do 1" in text(pilot)
        assert "Use this (enter)" in text(pilot)
        await press(pilot, "down", "down", "p")  # the topic joins the prompt
        assert "[prompt 1] instruction" in words(pilot)
        assert "[prompt 2] topic" in words(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: "12 records checked" in words(pilot))
        await sees(pilot, "✔ no problems", "prompt: do 1 completion: done 1")
        await press(pilot, "k")
        await until(pilot, lambda: "⟦done 1<|im_end|>⟧" in words(pilot))
        chosen = {"prompt_feature": "instruction,topic", "completion_feature": "answer"}
        await press(pilot, "t")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await until(pilot, lambda: chosen.items() <= app.state.form.items())
    again = ShadowApp()
    async with shown(again, size) as pilot:
        await press(pilot, "3")
        screen = again.screen
        assert isinstance(screen, DataScreen)
        screen.open("odd.jsonl")  # remembered
        await until(pilot, lambda: "prompt: do 1" in words(pilot))


async def test_a_choice_of_columns_can_be_left_and_taken_up_again(own_place: Path) -> None:
    write_columns(own_place / "odd.jsonl")

    async with shown(ShadowApp(), WIDE) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "odd.jsonl" in text(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "[prompt]" in text(pilot))
        await press(pilot, "escape")
        await until(pilot, lambda: "1 problem (e shows it)" in words(pilot))
        await sees(pilot, "--prompt-feature instruction")
        await press(pilot, "m", "down", "down", "down", "t")
        await until(pilot, lambda: "[text]" in text(pilot))
        assert "[prompt]" not in text(pilot)
        await press(pilot, "t")
        assert "Choose what the columns hold." in words(pilot)
        await press(pilot, "t", "enter")
        await until(pilot, lambda: "text: done 1" in words(pilot))


async def test_a_hundred_thousand_lines(own_place: Path) -> None:
    write(own_place / "large.jsonl", 100_000, {99_999: "{}"})

    async with shown(ShadowApp()) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "large.jsonl" in text(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "question 1 " in words(pilot))  # before the check is done
        await until(pilot, lambda: "99,999 records checked" in words(pilot))
        await press(pilot, "e", "enter")
        await until(pilot, lambda: "line 99999" in words(pilot))


async def test_tokens_show_what_is_trained(own_place: Path, tiny_backbone: Path) -> None:
    """With the real tokenizer, in the child."""
    write(own_place / "chats.jsonl", 12)
    shutil.copytree(tiny_backbone, own_place / "tiny")

    app = ShadowApp()
    app.remember(form={"model": "tiny", "max_seq_length": "64"})
    async with shown(app, WIDE) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "chats.jsonl" in text(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "12 records checked" in words(pilot))
        await press(pilot, "k")
        await until(pilot, lambda: "⟦answer 1<|im_end|>⟧" in words(pilot))
        await press(pilot, "l")
        await until(pilot, lambda: "12 examples" in words(pilot))
        await sees(pilot, "longest")


def test_fuzzy_prefers_the_name_and_letters_together() -> None:
    paths = ["train/other.jsonl", "data/train.jsonl", "t/r/a/i/n.jsonl"]
    assert finder.fuzzy("train", paths)[0] == "data/train.jsonl"
    assert finder.fuzzy("xyz", paths) == []
    assert finder.fuzzy("", paths) == paths


def test_typed_paths_are_completed(own_place: Path) -> None:
    (own_place / "deep").mkdir()
    write(own_place / "data.jsonl", 1)
    (own_place / "data.txt").write_text("")
    assert finder.completions("./d", finder.SUFFIXES) == ["./deep/", "./data.jsonl", "./data.txt"]
    assert finder.completions("/no/such/place/x") == []


async def test_what_nothing_reads_stands_above_the_records(own_place: Path) -> None:
    lines = [json.dumps({"text": "a", "id": i, "\x1b[31m": 1}) for i in range(9)]
    (own_place / "notes.jsonl").write_text("\n".join(lines))

    async with shown(ShadowApp(), WIDE) as pilot:
        await press(pilot, "3")
        await until(pilot, lambda: "notes.jsonl" in text(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "✔ no problems" in words(pilot))
        note = "! 9 lines have the column 'id', which nothing reads"
        await until(pilot, lambda: note in words(pilot))
        await sees(pilot, "! 8 examples repeat earlier ones")
        assert "\x1b" not in text(pilot)


def test_a_few_notes_are_shown_and_the_others_counted() -> None:
    notes = [f"note {i}" for i in range(data_view.NOTES + 2)]
    checked = m.Checked(1, 9, 9, 9, {"text": 9}, 0, 0, [], finished=True, notes=notes)
    lines = data_view.facts("x", checked, 9).splitlines()
    assert lines[1:] == [*(f"! {note}" for note in notes[: data_view.NOTES]), "! 2 more notes"]


def test_columns_belong_to_a_file_and_not_to_its_name(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_columns(own_place / "odd.jsonl")
    elsewhere = own_place.parent / "elsewhere"
    elsewhere.mkdir()
    write_columns(elsewhere / "odd.jsonl")
    first = ShadowApp()
    chosen = {"prompt_feature": "answer"}
    first.remember(columns=first.state.with_columns(absolute("./odd.jsonl"), chosen))
    first.remember_first("recent_data", str(own_place / "gone.jsonl"))
    first.remember_first("recent_data", "an-old-relative-name.jsonl")
    first.remember_first("recent_data", str(own_place / "odd.jsonl"))
    assert ShadowApp().state.columns_of(f"{own_place}/odd.jsonl") == chosen
    assert finder.recent(ShadowApp().state.recent_data) == ["odd.jsonl"]
    monkeypatch.chdir(elsewhere)
    assert ShadowApp().state.columns_of(absolute("./odd.jsonl")) == {}
    assert finder.recent(ShadowApp().state.recent_data) == [str(own_place / "odd.jsonl")]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40) | st.just("~nobody-here/x") | st.just("x" * 9000))
def test_any_name_may_be_typed(typed: str) -> None:
    assert isinstance(finder.completions(typed), list)
    assert isinstance(files_of(typed), list)
    assert local(typed) is not None or absolute(typed) == typed
    refusal = refusal_of(typed)  # whatever it is, it is a sentence
    assert refusal is None or len(refusal) > 10


@pytest.mark.parametrize("pasted", ["one\ntwo", "one\ntwo\n", "one\n\ntwo"])
async def test_pasted_lines_are_joined_in_a_field_of_one_line(pasted: str) -> None:
    async with shown(ShadowApp()) as pilot:
        await press(pilot, "3")
        field = pilot.app.screen.query_one("#find", Input)
        field.post_message(events.Paste(pasted))
        await until(pilot, lambda: field.value.split() == ["one", "two"])


def first_rule(pilot: Pilot[Any]) -> str:
    """The line above the first record."""
    return next((row for row in text(pilot).splitlines() if "line 1 ·" in row), "")


async def test_what_is_shown_fits_the_width_and_the_height_when_they_change(
    own_place: Path,
) -> None:
    write(own_place / "talk.jsonl", 60)
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await press(pilot, "3")
        assert isinstance(app.screen, DataScreen)
        app.screen.open("talk.jsonl")
        await sees(pilot, "60 records checked", "records 1 to 11 of 60", "question 11")
        for width, height, said in ((NARROW[0], 50, "1 to 11"), (100, 24, "1 to 4"), (140, 24, "")):
            await pilot.resize_terminal(width, height)
            await sees(pilot, f"records {said}")
            await until(pilot, lambda w=width: w - 6 < len(first_rule(pilot)) <= w)
            assert not [row for row in text(pilot).splitlines() if set(row.strip()) == {"─"}]
        await press(pilot, "n")
        await sees(pilot, "records 5 to 8 of 60", "question 5")
