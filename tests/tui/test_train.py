"""The training form, its rules, and the whole way from nothing to a tuned chat."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.runs.launching import free_folder
from tests.tui.support import (
    FAKE_WORKER,
    NARROW,
    WIDE,
    judged,
    press,
    run,
    shown,
    text,
    told,
    until,
    verdict,
    words,
)
from tui.app import ShadowApp
from tui.screens.chat import ChatScreen
from tui.screens.dialogs import Choice
from tui.screens.run import RunScreen
from tui.screens.train import TrainScreen
from tui.views import form
from tui.views.extent import extent
from tui.widgets.option_row import OptionRow


def test_every_option_has_a_field() -> None:
    assert {f.name for f in form.fields()} == {f.name for f in dataclasses.fields(TrainConfig)}


def test_an_empty_form_is_the_declared_defaults() -> None:
    config, problems = form.filled_in(TrainConfig, {"data": "x.jsonl"})
    assert config == TrainConfig(data="x.jsonl")
    assert problems == {}


def test_problems_stand_at_their_fields() -> None:
    texts = {"data": "x", "rank": "0", "epochs": "many", "iters": "3", "learning_rate": "1e-3"}
    config, problems = form.filled_in(TrainConfig, texts)
    assert config is None
    assert set(problems) == {"epochs", "rank"}
    _, problems = form.filled_in(TrainConfig, {**texts, "epochs": "2"})
    assert problems["rank"] == "--rank: must be at least 1, found 0"
    assert "--iters and --epochs" in problems["iters"]
    assert "data" in form.filled_in(TrainConfig, {})[1]


def test_values_go_into_the_form_and_come_back() -> None:
    config = TrainConfig(data="d", rank=8, mask_prompt=False, learning_rate=1e-4, epochs=2.0)
    texts = {name: form.to_text(value) for name, value in config.to_mapping().items()}
    assert form.filled_in(TrainConfig, texts) == (config, {})


def test_the_length_of_a_run_in_words() -> None:
    config = TrainConfig(data="d", batch_size=10)
    assert "300 steps of 10 are 3.0 epochs" in extent(config, (1000, 100)).length
    assert extent(config, (1000, 0)).examples == "900 examples to learn from, 100 to validate"
    assert "4 steps" in extent(dataclasses.replace(config, epochs=2.0), (20, 5)).length


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_from_nothing_to_a_tuned_chat_in_three_keys(
    size: tuple[int, int], fake_train: None
) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, size) as pilot:
        await until(pilot, lambda: "a first run, all filled in" in words(pilot))
        await press(pilot, "g")
        await judged(pilot, "3,000 examples to learn from")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, lambda: "✔ done" in words(pilot))
        await press(pilot, "c")
        await until(pilot, lambda: isinstance(app.screen, ChatScreen))
        await until(pilot, lambda: "ATTACHED" in words(pilot))


async def test_the_form_complains_and_goes_to_the_field() -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        await press(pilot, "4")
        await judged(pilot, "--data: choose a file")
        await press(pilot, "ctrl+r")
        focused = app.screen.focused
        assert focused is not None
        assert focused.parent is not None
        assert focused.parent.id == "row-data"
        await press(pilot, *"x.jsonl", "tab", "tab", "tab", *"0")
        await judged(pilot, "! --iters: must be at least 1")
        assert "--iters: optimizer steps" in words(pilot)  # the help of the focused field


async def test_every_option_is_one_key_away_and_kept() -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await press(pilot, "4")
        assert "aux weight" not in text(pilot)
        await press(pilot, "ctrl+a")
        await until(pilot, lambda: "update hidden size" in text(pilot))
        await press(pilot, "tab", *"mine")
        await until(pilot, lambda: app.state.form.get("model") == "mine")
    again = ShadowApp()
    async with shown(again) as pilot:
        await press(pilot, "4")
        await until(pilot, lambda: "mine" in text(pilot))


def test_a_folder_with_a_run_is_not_written_over(own_place: Path) -> None:
    (own_place / "adapters" / "run").mkdir(parents=True)
    (own_place / "adapters" / "run" / "events.jsonl").write_text("")

    async def test() -> None:
        app = ShadowApp()
        app.remember(form={"data": "x.jsonl"})
        async with shown(app) as pilot:
            await press(pilot, "4")
            await judged(pilot, "holds a run already")

    run(test())
    assert free_folder() == "adapters-2"


async def test_the_memory_verdict_follows_the_form(tmp_path: Path) -> None:
    data = tmp_path / "chats.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 10)

    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": str(data)})
        await judged(pilot, "✔ Memory Fits: 8 GB of 8 GB.")
        await app.train_with({"model": "sprout", "data": str(data), "batch_size": 16})
        said = "✘ Memory Does not fit: 16 GB of 8 GB. Try --batch-size 8 (8.0 GB)."
        await judged(pilot, said, "Asks before it starts.")


def _data(folder: Path, *lines: str) -> str:
    (folder / "chats.jsonl").write_text("\n".join(lines or ['{"prompt": "a", "completion": "b"}']))
    return "chats.jsonl"


async def test_what_does_not_fit_is_asked_about_and_enter_does_not_start_it(
    own_place: Path,
) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": _data(own_place), "batch_size": 16})
        await judged(pilot, "Does not fit")
        assert "Ready" not in verdict(pilot)
        await press(pilot, "enter")  # at once: the start waits for the advice
        await until(pilot, lambda: isinstance(app.screen, Choice))
        await until(pilot, lambda: "Try --batch-size 8 (8.0 GB)." in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        assert not (own_place / "adapters").exists()


async def test_a_start_against_advice_is_the_persons_choice(
    own_place: Path, fake_train: None
) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with(
            {"model": "sprout", "data": _data(own_place), "batch_size": 16, "iters": 20}
        )
        await press(pilot, "enter")
        await until(pilot, lambda: "nevertheless?" in words(pilot))
        await press(pilot, "y")
        await until(pilot, lambda: isinstance(app.screen, RunScreen))
        await until(pilot, lambda: "✔ done" in words(pilot))
        await press(pilot, "4")  # another run has a folder of its own, and what is left is said
        await until(pilot, lambda: "adapters-2" in words(pilot))
        await judged(pilot, "Does not fit")


@pytest.mark.parametrize(
    "data",
    ["/nope", "nope.jsonl", "./no/such", "~nobody-here/x", "x" * 5000, "a\x00b"],
    ids=["absolute", "relative", "folder", "home", "long", "nul"],
)
async def test_data_that_are_not_there_are_refused_by_the_form(data: str) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": data})
        await judged(pilot, "! --data")
        assert "Ready" not in verdict(pilot)
        await press(pilot, "ctrl+r")
        await pilot.pause()
        assert isinstance(app.screen, TrainScreen)
        assert app.launched == {}


async def test_data_that_training_will_refuse_are_never_called_ready(own_place: Path) -> None:
    broken = ['{"prompt": "a", "completion": "b"}', "a,b", '{"prompt": 3}']

    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": _data(own_place, *broken)})
        await judged(
            pilot, "! Data chats.jsonl:2: found broken JSON", "(2 more; page 3 shows them)"
        )
        assert "Ready" not in verdict(pilot)
        _data(own_place)  # mended outside, and looked at again
        await press(pilot, "f2", "4")
        await judged(pilot, "✔ Data 1 example ", "Ready.")


async def test_columns_named_by_hand_are_known_to_the_form(own_place: Path) -> None:
    """With the real worker, which reads the data for its estimate."""
    line = '{"question": "a", "answer": "b", "id": 1}'
    named = {"prompt_feature": "question", "completion_feature": "answer"}

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": _data(own_place, line), **named})
        await judged(pilot, "✔ Data 1 example ", "Ready.", "✔ Memory Fits")


async def test_what_stood_in_the_form_comes_back() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "mine", "batch_size": 3})
        await press(pilot, "ctrl+d")
        await until(pilot, lambda: "batch_size" not in app.state.form)
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: app.state.form.get("batch_size") == "3")


def test_local_paths_mean_the_same_in_every_folder(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = str(own_place / _data(own_place))
    elsewhere = own_place.parent / "elsewhere"
    elsewhere.mkdir()

    async def fill() -> None:
        app = ShadowApp(FAKE_WORKER)
        async with shown(app, WIDE) as pilot:
            await app.train_with({"model": "sprout", "data": "chats.jsonl"})
            await until(pilot, lambda: app.state.form.get("data") == data)
            assert f"{own_place}" not in words(pilot)  # it is shown as one would type it
            assert app.state.form["model"] == "sprout"  # which is no path

    async def look() -> None:
        async with shown(ShadowApp(FAKE_WORKER), (300, 50)) as pilot:
            await press(pilot, "4")
            await judged(pilot, "✔ Data 1 example ", "Ready.")
            row = pilot.app.screen.query_one("#row-data", OptionRow)
            assert row.value.startswith(str(own_place))

    run(fill())
    monkeypatch.chdir(elsewhere)
    run(look())


async def test_presets_go_round_keep_what_is_set_and_are_undone() -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, NARROW) as pilot:
        await app.train_with({"model": "sprout", "batch_size": 3})
        await until(pilot, lambda: "● normal" in words(pilot))
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: "● thorough: epochs 6, patience 5" in words(pilot))
        row = app.screen.query_one("#row-epochs", OptionRow)
        assert row.value == "6"
        assert app.screen.query_one("#row-batch_size", OptionRow).value == "3"
        await press(pilot, "ctrl+z")
        await until(pilot, lambda: "● normal" in words(pilot))
        assert row.value == ""
        row.value = "4"
        await until(pilot, lambda: "● your own" in text(pilot) or "● normal" not in text(pilot))
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: "epochs stays (you set it to 4)" in told(pilot))
        assert row.value == "4"


async def test_where_no_run_tells_the_time_a_step_is_tried(own_place: Path) -> None:
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        await app.train_with(
            {"model": "sprout", "data": _data(own_place), "iters": 200, "val_batches": 0}
        )
        await judged(pilot, "✔ Time About 10 s, from a step that was tried here. 200 steps")


async def test_with_the_real_child_a_step_is_tried(own_place: Path) -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await app.train_with({"model": "sprout", "data": _data(own_place), "iters": 20})
        await judged(pilot, "from a step that was tried here. 20 steps")
