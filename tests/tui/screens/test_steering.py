"""What can be done with a run, against records written by hand, and a process that pretends."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.runs import launching
from shadow_mlx.runs.events import Event, RunEnded, Saved
from shadow_mlx.runs.live import process_of
from shadow_mlx.runs.settings import settings_of
from tests.runs.fake_run import started, story, trained, write_story
from tests.tui.support import (
    FAKE_WORKER,
    WIDE,
    footer,
    judged,
    press,
    shown,
    text,
    until,
    words,
    write_adapter,
)
from tui.app import ShadowApp
from tui.screens.run import RunScreen
from tui.screens.train import TrainScreen


async def test_a_run_is_started_paused_resumed_and_stopped(
    own_place: Path, fake_train: None
) -> None:
    app = ShadowApp()
    async with shown(app) as pilot:
        await app.launch(TrainConfig(data="x.jsonl", iters=100_000, adapter_path="mine"))
        await until(pilot, lambda: "▶ training" in words(pilot) and "tokens/s" in words(pilot))
        await press(pilot, "p")
        await until(pilot, lambda: "paused" in text(pilot).splitlines()[1])
        await press(pilot, "p")
        await until(pilot, lambda: "▶ training" in words(pilot))
        os.kill(process_of(own_place / "mine"), signal.SIGSTOP)  # the step takes long
        await press(pilot, "s")
        await until(pilot, lambda: "▶ stopping after this step" in words(pilot))
        await until(pilot, lambda: not {"Stop+save", "Pause"} & set(footer(pilot).split()))
        os.kill(process_of(own_place / "mine"), signal.SIGCONT)
        await until(pilot, lambda: "■ stopped" in words(pilot))
        await until(pilot, lambda: "r goes on" in words(pilot))
        await press(pilot, "r")
        await until(pilot, lambda: "▶ training" in words(pilot))
        await press(pilot, "x", "y")
        await until(pilot, lambda: not isinstance(app.screen, RunScreen))
        assert not (own_place / "mine").exists()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "! The run was killed (SIGKILL) after step 1. It had taken 412 MB of"),
        (signal.SIGABRT, "! The run was aborted (SIGABRT) after step 1"),
        (signal.SIGSEGV, "! The run crashed (SIGSEGV) after step 1"),
    ],
)
async def test_a_run_that_is_killed_before_it_saved_offers_only_what_works(
    own_place: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, said: str
) -> None:
    code = (
        "import os, signal, sys, yaml\n"
        "from pathlib import Path\n"
        "from shadow_mlx.runs.folder import EventLog, RunFolder\n"
        "from tests.runs.fake_run import started, trained\n"
        "run = RunFolder(Path('mine'))\n"
        "run.config.write_text('adapter_path: mine')\n"
        "log = EventLog(run.events)\n"
        "log(started(100)); log(trained(1, 100)); print('backbone sprout: 2.3M', flush=True)\n"
        f"os.kill(os.getpid(), {int(number)})\n"
    )
    monkeypatch.setattr(launching, "TRAIN_COMMAND", [sys.executable, "-c", code])

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        await app.launch(TrainConfig(data="x.jsonl", adapter_path="mine"))
        await until(pilot, lambda: "✘ interrupted" in words(pilot))
        await until(pilot, lambda: said in words(pilot))
        screen = words(pilot)
        assert "backbone sprout" not in screen
        assert "t train again" in screen
        assert "goes on from" not in screen
        await until(pilot, lambda: not {"Resume", "Chat", "Compare"} & set(footer(pilot).split()))


@pytest.mark.parametrize(
    "end", [[], [RunEnded(0.0, "failed", 60, None, None, 9.0, "the disk is full")]]
)
async def test_a_run_that_saved_goes_on_and_can_be_chatted_with(
    own_place: Path, end: list[Event]
) -> None:
    folder = write_adapter(own_place / "mine")
    write_story(folder, [started(300), trained(60), Saved(0.0, 50, "step-000050", True), *end])

    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        said = "r goes on from step 50, c chats with what is saved"
        await until(pilot, lambda: said in words(pilot))
        await until(pilot, lambda: set(footer(pilot).split()) >= {"Resume", "Chat"})


async def test_enter_does_not_remove_a_run(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())

    app = ShadowApp()
    async with shown(app) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "✔ done" in words(pilot))
        await press(pilot, "x")
        await until(pilot, lambda: "Remove the run" in words(pilot))
        await press(pilot, "enter")
        await until(pilot, lambda: "Remove the run" not in words(pilot))
        assert (folder / "run" / "events.jsonl").exists()


async def test_a_run_is_distilled_on_its_own_data(own_place: Path) -> None:
    (own_place / "chats.jsonl").write_text('{"q": "a", "completion": "b"}\n' * 20)
    folder = write_adapter(own_place / "mine")
    write_story(folder, story(), {"data": "chats.jsonl", "prompt_feature": "q", "rank": 4})

    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "✔ done" in words(pilot))
        await until(pilot, lambda: "D Distil e Export" in footer(pilot))
        await press(pilot, "D")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await judged(pilot, "18 examples to learn from", "Ready.")
        await press(pilot, "ctrl+y")
        said = (
            "shadow-mlx train --shadow mine --model sprout --prompt-feature q --answers missing "
            "--objective pretrain --data chats.jsonl --adapter-path shadow --teacher mine"
        )
        assert "answers" in words(pilot)
        await until(pilot, lambda: app.clipboard == said)
        kept = {"shadow": str(folder), "teacher": str(folder), "objective": "pretrain"}
        assert kept.items() <= app.state.form.items()


WRITING = """
import signal, sys, time
from pathlib import Path
from shadow_mlx.runs.folder import RunFolder
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
place = Path('shadow/answers/train.jsonl')
before = len(place.read_text().splitlines()) if place.exists() else 0
with RunFolder(Path('shadow')).lock():
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text('{}\\n' * (before + 64))
    print(f'writing answers: {before} of 300', flush=True)
    while not stopped:
        time.sleep(0.01)
print('shadow-mlx: stopped; the answers written so far are kept', flush=True)
sys.exit(130)
"""


async def test_answers_that_are_written_first_are_told_of_stopped_and_gone_on_with(
    own_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launching, "TRAIN_COMMAND", [sys.executable, "-c", WRITING])
    (own_place / "chats.jsonl").write_text('{"prompt": "a"}\n' * 300)
    folder = write_adapter(own_place / "mine")
    write_story(folder, story(), {"data": "chats.jsonl"})

    app = ShadowApp(FAKE_WORKER)
    async with shown(app) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "✔ done" in words(pilot))
        await press(pilot, "D")
        for done in (0, 64):
            await until(pilot, lambda: isinstance(app.screen, TrainScreen))
            await judged(pilot, "Ready.")
            await press(pilot, "ctrl+r")
            await until(pilot, lambda: isinstance(app.screen, RunScreen))
            said = f"writing answers: {done} of 300"
            await until(pilot, lambda said=said: said in words(pilot))
            await until(pilot, lambda: app.screen.check_action("stop", ()))
            await press(pilot, "s")
            await until(pilot, lambda: "stopped; the answers written so far" in words(pilot))
            await press(pilot, "t")
        settings = settings_of(own_place / "shadow")
        assert settings is not None
        assert (settings.answers, settings.teacher) == ("missing", "mine")


async def test_what_is_at_work_is_neither_distilled_nor_exported(own_place: Path) -> None:
    folder = write_adapter(own_place / "mine")
    app = ShadowApp(FAKE_WORKER)
    async with shown(app, WIDE) as pilot:
        app.show_run(folder)
        await until(pilot, lambda: "mine" in words(pilot))
        page = app.screen
        assert isinstance(page, RunScreen)
        page.live = True
        assert not page.check_action("distil", ())
        assert not page.check_action("export", ())
        page.live = False
        assert page.check_action("export", ())
