"""The live view of a run: against records written by hand, and a process that pretends."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shadow_mlx import machine, macos
from shadow_mlx.config import TrainConfig
from shadow_mlx.runs import launching
from shadow_mlx.runs.events import Event, Noted, RunEnded
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.live import is_live
from shadow_mlx.runs.settings import settings_of
from tests.runs.fake_run import started, story, trained, write_story
from tests.tui import snapshots
from tests.tui.support import (
    FAKE_TRAIN,
    NARROW,
    WIDE,
    press,
    sees,
    shown,
    text,
    told,
    until,
    words,
    write_adapter,
)
from tui.app import ShadowApp
from tui.screens import overlays


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_finished_run_stays_with_its_summary(
    own_place: Path, size: tuple[int, int]
) -> None:
    folder = write_story(write_adapter(own_place / "mine"), story())
    app = ShadowApp()
    async with shown(app, size) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "c chat with it" in words(pilot))
        screen = words(pilot)
        assert "✔ done mine · sprout" in screen
        assert "best validation loss" in screen
        assert "2,345 tokens/s" in screen
        assert "★" in screen
        assert "⠀" not in screen  # an empty braille cell is a space


async def test_chart_keys_change_how_it_is_drawn(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "★ best" in words(pilot))
        await press(pilot, "l", "m")
        assert "log" not in words(pilot).split()
        await press(pilot, "l")
        assert "log · smooth 0.6" in words(pilot)
        await press(pilot, "ctrl+left", "ctrl+left")
        assert "step 2" in words(pilot)
        await press(pilot, "plus")
        assert "zoomed" in words(pilot)
        await press(pilot, "0")
        assert "zoomed" not in words(pilot)
        assert app.state.chart == {"log": True, "smoothing": 0.6}


async def test_a_run_outlives_the_ui_and_is_there_again(own_place: Path, fake_train: None) -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        await app.launch(TrainConfig(data="x.jsonl", iters=100_000, adapter_path="mine"))
        await until(pilot, lambda: "▶ training" in words(pilot))
        await press(pilot, "ctrl+q")
        await until(pilot, lambda: "goes on without this screen" in words(pilot))
        await press(pilot, "k")
    assert is_live(own_place / "mine")
    again = ShadowApp()
    async with shown(again) as pilot:
        await until(pilot, lambda: "▶ running" in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "▶ training" in words(pilot))
        await press(pilot, "s")
        await until(pilot, lambda: "■ stopped" in words(pilot))


async def test_a_run_killed_from_outside_is_called_interrupted(
    own_place: Path, fake_train: None
) -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        await app.launch(TrainConfig(data="x.jsonl", iters=100_000, adapter_path="mine"))
        await until(pilot, lambda: "tokens/s" in words(pilot))
        app.launched[own_place / "mine"].process.kill()
        await until(pilot, lambda: "✘ interrupted" in words(pilot))


async def test_why_a_run_died_that_was_not_started_here_is_read_from_its_folder(
    own_place: Path,
) -> None:
    folder = write_story(own_place / "mine", [started(100), trained(20)])
    (folder / "run" / "crash.log").write_text("Fatal Python error: Bus error\n")
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        said = "! The run crashed (SIGBUS) after step 20: a fault of a library, or ours. → Nothing"
        await until(pilot, lambda: said in words(pilot))


async def test_a_run_started_here_finds_the_watchdog_relaxed_on_a_mac(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"import os, sys; print('is', os.environ.get({macos.WATCHDOG!r})); sys.exit(2)"
    monkeypatch.setattr(launching, "TRAIN_COMMAND", [sys.executable, "-c", code])
    monkeypatch.delenv(macos.WATCHDOG, raising=False)
    for mac, said in ((True, "is 1"), (False, "is None")):
        monkeypatch.setattr(macos, "is_mac", lambda mac=mac: mac)
        app = ShadowApp()
        async with shown(app) as pilot:
            await app.launch(TrainConfig(data="x.jsonl", adapter_path=f"mac-{mac}"))
            await until(pilot, lambda said=said: said in words(pilot))


async def test_a_start_that_fails_shows_why(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; print('no such \\x1b[31mmodel'); sys.exit(2)"
    monkeypatch.setattr(launching, "TRAIN_COMMAND", [sys.executable, "-c", code])

    app = ShadowApp()
    async with shown(app) as pilot:
        await app.launch(TrainConfig(data="x.jsonl", adapter_path="mine"))
        await until(pilot, lambda: "no such ␛[31mmodel" in words(pilot))


async def test_resizing_while_it_trains(own_place: Path, fake_train: None) -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await app.launch(TrainConfig(data="x.jsonl", iters=100_000, adapter_path="mine"))
        await until(pilot, lambda: "tokens/s" in words(pilot))
        for size in ((40, 12), (200, 60), NARROW):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await until(pilot, lambda: "tokens/s" in words(pilot))
        await press(pilot, "s")
        await until(pilot, lambda: "■ stopped" in words(pilot))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            Noted(0.0, "warning", "[bold]not bold[/] \x1b]0;title\x07"),
            "[bold]not bold[/] ␛]0;title␇",
        ),
        (RunEnded(0.0, "failed", 20, None, None, 3.0, "the loss is nan"), "! the loss is nan"),
    ],
)
async def test_what_a_run_says_is_shown_and_not_interpreted(
    own_place: Path, event: Event, said: str
) -> None:
    folder = write_story(own_place / "mine", [started(100), trained(20), event])
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: said in words(pilot))


async def test_two_runs_over_each_other_with_their_difference(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    monkeypatch.setattr(overlays, "settings_of", lambda one: read.append(one) or settings_of(one))

    mine = write_story(own_place / "mine", story(), {"rank": 8})
    write_story(own_place / "other", story(), {"rank": 32})
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(mine)
        await until(pilot, lambda: "★ best" in words(pilot))
        await press(pilot, "o")
        await until(pilot, lambda: isinstance(app.screen, overlays.OverlayDialog))
        await press(pilot, "enter")
        await until(pilot, lambda: "other: --rank: 8 | 32" in words(pilot))
        await press(pilot, "a", "a")
        assert len(read) == 2  # not at every draw


async def test_a_run_from_the_command_line_shows_up(own_place: Path) -> None:
    config = own_place / "c.yaml"
    config.write_text("adapter_path: elsewhere/deep\niters: 20\n")
    subprocess.run([*FAKE_TRAIN, "-c", str(config)], check=True, stdout=subprocess.DEVNULL)

    async with shown(ShadowApp()) as pilot:
        await until(pilot, lambda: "elsewhere/deep" in words(pilot))
        await sees(pilot, "✔ done")


async def test_another_run_is_shown_from_its_beginning(own_place: Path) -> None:
    write_story(own_place / "mine", story())
    write_story(own_place / "other", story(100))

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(own_place / "mine")
        await until(pilot, lambda: "★ best" in words(pilot))
        await press(pilot, "plus", "left", "left_square_bracket", "left_square_bracket")
        assert "zoomed" in words(pilot)
        await press(pilot, "1")
        app.show_run(own_place / "other")
        await sees(pilot, "other · sprout", "★", "[ step 100 ] 2/2")
        assert "zoomed" not in words(pilot)


@pytest.mark.parametrize("size", [NARROW, (110, 24), WIDE])
async def test_a_run_at_work_shows_its_times_its_measures_and_the_machine(
    own_place: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "business", lambda: snapshots.BUSINESS)
    now = time.time()
    events = [dataclasses.replace(started(300), time=now - 60), *story(100)[1:-2]]
    events = [dataclasses.replace(event, time=max(event.time, now - 60)) for event in events]
    folder = write_story(own_place / "mine", events)
    with RunFolder(folder).lock():
        app = ShadowApp()
        async with shown(app, size) as pilot:
            app.show_run(folder)
            await sees(pilot, "elapsed", "left", "ends at", "learning rate", "gradient norm")
            await sees(pilot, "2,345 tokens/s", "412 MB peak")
            if size != NARROW:
                await sees(pilot, "9.7 GB of 17.2 GB", "swap", "load 1.7 on 8")
                lines = [line for line in text(pilot).splitlines() if "gradient norm" in line]
                assert all(line.endswith("0.8") for line in lines)  # at the right edge


async def test_the_end_of_a_run_rings_if_one_wants_it(own_place: Path, fake_train: None) -> None:
    rung: list[str] = []
    app = ShadowApp()
    app.bell = lambda: rung.append(app.state.at_end)  # type: ignore[method-assign]
    async with shown(app) as pilot:
        for wanted, folder in (("nothing", "one"), ("bell", "two")):
            await app.launch(TrainConfig(data="x.jsonl", iters=100_000, adapter_path=folder))
            await until(pilot, lambda folder=folder: f"▶ training {folder}" in words(pilot))
            if wanted == "bell":
                await press(pilot, "b")
                assert "The terminal rings" in told(pilot)
            await press(pilot, "s")
            await until(pilot, lambda folder=folder: f"■ stopped {folder}" in words(pilot))
        await until(pilot, lambda: rung)
        await press(pilot, "b", "b")
        assert app.state.at_end == "nothing"
    assert rung == ["bell"]
