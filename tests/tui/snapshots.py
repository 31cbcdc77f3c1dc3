"""Each page as a picture, to see what a change does to the screens.

``python -m tests.tui.snapshots --renew`` draws them all anew into ``tests/tui/snapshots``; look at
what changed, and commit it. Nothing on them depends on the machine: the processes pretend, the
clock stands still, and paths are relative.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import html
import json
import os
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from shadow_mlx import machine
from shadow_mlx.config import API_KEY_VARIABLE
from tests.runs.fake_run import story, write_story
from tests.tui.support import (
    FAKE_SERVER,
    FAKE_WORKER,
    NARROW,
    ROOT,
    WIDE,
    judged,
    picture,
    press,
    run,
    say,
    shown,
    until,
    words,
    write_adapter,
)
from tui import system
from tui.app import ShadowApp
from tui.screens import data as data_screen
from tui.screens import home
from tui.screens import run as run_screen
from tui.widgets.side_by_side import SideBySide

FOLDER = Path(__file__).parent / "snapshots"
SIZES = (NARROW, WIDE)
NOW = 1_800_000_000.0
MEMORY = 16 << 30
BUSINESS = machine.Business(MEMORY, 9 << 30, 0, 2 << 30, 1.7, 8)


class StoppedClock:
    """Takes the place of :mod:`time` where a screen tells how long ago something was."""

    def time(self) -> float:
        return NOW

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


async def newcomer(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: "a first run, all filled in" in words(pilot))
    await until(pilot, lambda: "Models here:" in words(pilot))


async def runs(pilot: Pilot[Any]) -> None:
    _write_run(Path("first"), 300, NOW - 86_400 * 2)
    _write_run(write_adapter(Path("second")), 200, NOW - 300)
    await until(pilot, lambda: "second" in words(pilot) and "first" in words(pilot))
    await until(pilot, lambda: "Models here:" in words(pilot))
    if pilot.app.size.width >= WIDE[0]:
        await until(pilot, lambda: "Enter opens it" in words(pilot))


async def models(pilot: Pilot[Any]) -> None:
    await press(pilot, "2")
    await until(pilot, lambda: "Talkie" in words(pilot) and "✔ Fits" in words(pilot))


async def data(pilot: Pilot[Any]) -> None:
    _write_data()
    await press(pilot, "3")
    await until(pilot, lambda: "orders.jsonl" in words(pilot))
    await press(pilot, *"orders", "enter")
    await until(pilot, lambda: "60 records checked" in words(pilot))
    await until(pilot, lambda: "assistant: 1 red cups" in words(pilot))


async def convert_table(pilot: Pilot[Any]) -> None:
    rows = "".join(f"{i},what {i}?,it {i}\n" for i in range(12))
    Path("orders.csv").write_text(f"id,asked,replied\n{rows}")
    await press(pilot, "3")
    await until(pilot, lambda: "orders.csv" in words(pilot))
    await press(pilot, *"orders", "enter")
    await until(pilot, lambda: "orders.csv is a CSV table" in words(pilot))
    await press(pilot, "down", "p")
    await until(pilot, lambda: "[prompt] asked" in words(pilot))


async def convert_text(pilot: Pilot[Any]) -> None:
    Path("book.md").write_text("# One\n\nText.\n\n" * 400)
    await press(pilot, "3")
    await until(pilot, lambda: "book.md" in words(pilot))
    await press(pilot, *"book", "enter")
    await until(pilot, lambda: "at most 4,000 characters" in words(pilot))


async def train(pilot: Pilot[Any]) -> None:
    _write_data()
    _app(pilot).remember(form={"data": "orders.jsonl", "model": "sprout", "epochs": "2"})
    await press(pilot, "4")
    await judged(pilot, "✔ Memory Fits", "54 examples to learn from", "Ready.")


async def one_run(pilot: Pilot[Any]) -> None:
    _app(pilot).show_run(_write_run(Path("mine"), 300, NOW - 60).resolve())
    await until(pilot, lambda: "✔ done" in words(pilot) and "★" in words(pilot))


async def chat(pilot: Pilot[Any]) -> None:
    write_adapter(Path("mine"))
    await press(pilot, "5")
    await until(pilot, lambda: "ATTACHED" in words(pilot))
    for message in ("bring me the red cup", "and now **the blue one**"):
        await say(pilot, message)
        await until(pilot, lambda: "answering" not in words(pilot) and "55/s" in words(pilot))
        await press(pilot, "ctrl+t")
    await until(pilot, lambda: "BASE" in words(pilot))
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: "[ 2/2 ]" in words(pilot) and "answering" not in words(pilot))


async def conversations(pilot: Pilot[Any]) -> None:
    await chat(pilot)
    await press(pilot, "ctrl+l")
    await until(pilot, lambda: "2 questions" in words(pilot))


async def chat_settings(pilot: Pilot[Any]) -> None:
    write_adapter(Path("mine"))
    await press(pilot, "5")
    await until(pilot, lambda: "1 bring two red cups" in words(pilot))
    await press(pilot, "ctrl+g", "tab", *"0")
    await until(pilot, lambda: "! --max-tokens: must be at least 1" in words(pilot))
    await until(pilot, lambda: pilot.app.screen.query("#row-max_kv_size"))


async def compare(pilot: Pilot[Any]) -> None:
    write_adapter(Path("mine"))
    await press(pilot, "6")
    await until(pilot, lambda: "type a prompt" in words(pilot))
    await say(pilot, "bring me the red cup")
    columns = _app(pilot).screen.query_one(SideBySide)
    await until(pilot, lambda: len(columns.answers) == 3 and "type a prompt" in words(pilot))


async def compare_settings(pilot: Pilot[Any]) -> None:
    write_adapter(Path("mine"))
    await press(pilot, "6")
    await until(pilot, lambda: "type a prompt" in words(pilot))
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: "chats or completions to answer" in words(pilot))
    await until(pilot, lambda: pilot.app.screen.query("#row-chat_template_config"))


async def compare_file(pilot: Pilot[Any]) -> None:
    await compare_settings(pilot)
    await press(pilot, *"orders.jsonl", "enter")
    await until(pilot, lambda: "detached +1 −1 +0 −1 ·" in words(pilot))


async def distil(pilot: Pilot[Any]) -> None:
    _write_data()
    folder = _write_run(write_adapter(Path("mine")), 300, NOW - 60).resolve()
    _app(pilot).show_run(folder)
    await until(pilot, lambda: "✔ done" in words(pilot))
    await press(pilot, "D")
    await judged(pilot, "✔ Memory Fits", "54 examples to learn from", "Ready.")


async def deliver(pilot: Pilot[Any]) -> None:
    write_adapter(Path("mine"))
    await press(pilot, "7")
    await until(pilot, lambda: "$ shadow-mlx export --adapter-path mine" in words(pilot))
    await press(pilot, "enter")
    await until(pilot, lambda: "✔ exported" in words(pilot))


async def deliver_push(pilot: Pilot[Any]) -> None:
    await deliver(pilot)
    await press(pilot, "p")
    await until(pilot, lambda: "Push (ctrl+r)" in words(pilot))
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    await press(pilot, *"me/robot", "enter")
    await until(pilot, lambda: "library_name: mlx" in words(pilot))


async def deliver_serve(pilot: Pilot[Any]) -> None:
    write_adapter(Path("mine"))
    await press(pilot, "7", "s")
    await until(pilot, lambda: "$ shadow-mlx serve --adapter-path mine" in words(pilot))


async def server(pilot: Pilot[Any]) -> None:
    await deliver_serve(pilot)
    await press(pilot, "enter")
    await until(pilot, lambda: "24 answered" in words(pilot) and "12:00:04" in words(pilot))


async def help_panel(pilot: Pilot[Any]) -> None:
    await until(pilot, lambda: "Models here:" in words(pilot))
    await press(pilot, "f1")
    await until(pilot, lambda: "Every run in this" in words(pilot))


Scene = Callable[[Pilot[Any]], Awaitable[None]]
SCENES: dict[str, Scene] = {
    "home-newcomer": newcomer,
    "home": runs,
    "help": help_panel,
    "models": models,
    "data": data,
    "convert-table": convert_table,
    "convert-text": convert_text,
    "train": train,
    "run": one_run,
    "chat": chat,
    "conversations": conversations,
    "chat-settings": chat_settings,
    "compare": compare,
    "compare-settings": compare_settings,
    "compare-file": compare_file,
    "distil": distil,
    "deliver": deliver,
    "deliver-push": deliver_push,
    "deliver-serve": deliver_serve,
    "server": server,
}


def drawn(name: str, size: tuple[int, int]) -> str:
    """The SVG of a scene; the working folder must be empty and :func:`stage` set."""
    pictures: list[str] = []

    async def draw() -> None:
        app = ShadowApp(FAKE_WORKER)
        async with shown(app, size) as pilot:
            await SCENES[name](pilot)
            for screen in app.screen_stack:
                for field in screen.query("Input, TextArea"):
                    field.cursor_blink = False  # type: ignore[attr-defined]
            while len(pictures) < 2 or pictures[-1] != pictures[-2]:  # until nothing moves
                await pilot.pause(0.05)
                pictures.append(picture(app, name))

    run(draw())
    return pictures[-1]


def stage(patch: pytest.MonkeyPatch) -> None:
    """Make everything stand still that depends on time and machine."""
    patch.setattr(data_screen, "_bundled", lambda: [])
    patch.setattr(home, "time", StoppedClock())
    patch.setattr(run_screen, "time", StoppedClock())
    patch.setattr(machine, "memory_of_machine", lambda: MEMORY)
    patch.setattr(system, "serve_command", lambda: FAKE_SERVER)
    patch.delenv(API_KEY_VARIABLE, raising=False)
    patch.setattr(machine, "business", lambda: BUSINESS)


def file_of(name: str, size: tuple[int, int]) -> Path:
    return FOLDER / f"{name}-{size[0]}x{size[1]}.svg"


def difference(name: str, size: tuple[int, int], now: str) -> str:
    """What is different from the committed picture, for a person; ``""`` if nothing is."""
    path = file_of(name, size)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if described(before) == described(now):
        return ""
    diff = list(difflib.unified_diff(rows(before), rows(now), "committed", "now", lineterm=""))
    if not diff:
        old, new = described(before), described(now)
        diff = ["the text is the same; of its styles:"]
        diff += list(difflib.unified_diff(old, new, "committed", "now", lineterm="", n=0))[:20]
    renew = "python -m tests.tui.snapshots --renew"
    return "\n".join([f"{path.relative_to(ROOT)} differs; if it should, {renew}", *diff])


def described(svg: str) -> list[str]:
    """Every piece of text and every background with its place and its style, in order."""
    styles = dict(re.findall(r"\.terminal-(r\d+) \{ (.*?) \}", svg))
    text = re.findall(r'<text class="terminal-(r\d+)" x="(.*?)" y="(.*?)".*?>(.*?)</text>', svg)
    found = [f"{y} {x} {html.unescape(said)!r} {styles[style]}" for style, x, y, said in text]
    return found + re.findall(r"<rect (fill=.*?)/>", svg)


def rows(svg: str) -> list[str]:
    """The lines of text, from the top."""
    lines: dict[float, list[tuple[float, str]]] = {}
    for x, y, said in re.findall(r'<text class="\S+" x="(.*?)" y="(.*?)".*?>(.*?)</text>', svg):
        lines.setdefault(float(y), []).append((float(x), html.unescape(said)))
    return [" ".join(said for _, said in sorted(lines[y])) for y in sorted(lines)]


def _app(pilot: Pilot[Any]) -> ShadowApp:
    assert isinstance(pilot.app, ShadowApp)
    return pilot.app


def _write_run(folder: Path, steps: int, ended: float) -> Path:
    events = [dataclasses.replace(event, time=ended) for event in story(steps)]
    write_story(folder, events, {"data": "orders.jsonl", "rank": 16})
    os.utime(folder / "run" / "events.jsonl", (ended, ended))
    return folder


def _write_data() -> None:
    lines = [
        json.dumps({"messages": [
            {"role": "user", "content": f"I need {i} red cups."},
            {"role": "assistant", "content": f"{i} red cups, at once."},
        ]})
        for i in range(1, 61)
    ]  # fmt: skip
    Path("orders.jsonl").write_text("\n".join(lines) + "\n")


@contextmanager
def _place() -> Iterator[pytest.MonkeyPatch]:
    """As the tests' fixtures do: an empty folder to work in, and no state from before."""
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        place = Path(temporary) / "place"
        place.mkdir()
        patch.setenv("SHADOW_MLX_STATE", str(Path(temporary) / "state.json"))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.chdir(place)
        yield patch


def main() -> None:
    """Draw all of them anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renew", action="store_true", required=True)
    parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.svg"):
        old.unlink()
    for name in SCENES:
        for size in SIZES:
            with _place() as patch:
                stage(patch)
                file_of(name, size).write_text(drawn(name, size), encoding="utf-8")
            print(file_of(name, size).relative_to(ROOT))


if __name__ == "__main__":
    main()
