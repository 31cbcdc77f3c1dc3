"""The documents' screenshots, from the real app: ``python -m docs.screenshots [--iters N]``.

sprout learns robot-intents for a while, and the person at the keys looks at each page. Nothing is
made up; the training is only cut short. ``--every FOLDER`` takes each page into a folder too, small
and large, dark and light, to be looked at. Needs the development dependencies.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.runs.record import EventReader
from tests.tui.support import NARROW, WIDE, judged, picture, press, run, say, shown, until, words
from tui.app import ShadowApp
from tui.screens.batch_view import BatchView
from tui.screens.data import DataScreen
from tui.widgets.option_row import OptionRow
from tui.widgets.side_by_side import SideBySide

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "screenshots"
SIZE = (120, 36)
SIZES = (NARROW, WIDE)
THEMES = {"dark": "textual-dark", "light": "textual-light"}
SHOWN = ("home", "data", "train", "run", "chat", "compare", "deliver")
"""The pages that the documents show."""

PATIENCE = 1800.0
SETTLED = 20
"""Pictures that are taken at most until two are the same: a live run never stands still."""

MEASURED = 40
"""Examples of the test file."""

ADAPTER = "robot"
REQUEST = "Could you bring me the red cup from the kitchen?"


@dataclass(frozen=True)
class Tour:
    """The app, the keys, and where the pictures of every page go, if anywhere."""

    app: ShadowApp
    pilot: Pilot[Any]
    every: Path | None = None

    async def take(self, name: str) -> None:
        """Take the page that is shown, and leave all as it was."""
        if name in SHOWN:
            await self._write(FOLDER / f"{name}.svg")
        if self.every is None:
            return
        for width, height in SIZES:
            await self.pilot.resize_terminal(width, height)
            for ground, theme in THEMES.items():
                self.app.theme = theme
                await self._write(self.every / f"{name}-{width}x{height}-{ground}.svg")
        self.app.theme = THEMES["dark"]
        await self.pilot.resize_terminal(*SIZE)

    async def _write(self, path: Path) -> None:
        self.app.clear_notifications()
        before, now = "", picture(self.app, "shadow-mlx tui")
        for _ in range(SETTLED):
            if before == now:
                break
            await self.pilot.pause(0.1)
            before, now = now, picture(self.app, "shadow-mlx tui")
        path.write_text(now, encoding="utf-8")
        print(path)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iters", type=int, default=300, help="steps of the training")
    parser.add_argument(
        "--every", type=Path, metavar="FOLDER", help="take each page in each size and ground, too"
    )
    options = parser.parse_args()
    every = options.every.resolve() if options.every else None
    for folder in filter(None, (FOLDER, every)):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "robots"
        place.mkdir()
        shutil.copytree(bundled_data(), place / "robot-intents")
        os.environ |= {"SHADOW_MLX_STATE": str(place / ".state.json"), "PYTHONPATH": str(ROOT)}
        os.chdir(place)
        run(_all_pages(options.iters, every))


async def _all_pages(iters: int, every: Path | None) -> None:
    app = ShadowApp()
    async with shown(app, SIZE) as pilot:
        tour = Tour(app, pilot, every)
        await _newcomer(tour)
        await _models(tour)
        await _data(tour)
        await _training(tour, iters)
        await _chat(tour)
        await _compare(tour)
        await _test_file(tour)
        await _deliver(tour)
        await _server(tour)
        await press(pilot, "escape", "1")
        await until(pilot, lambda: "✔ done" in words(pilot))
        await press(pilot, "up")  # from the quick run to the long one
        await until(pilot, lambda: "robot ✔ done" in words(pilot))
        await tour.take("home")


async def _newcomer(tour: Tour) -> None:
    await until(tour.pilot, lambda: "Models here:" in words(tour.pilot))
    await tour.take("home-newcomer")


async def _models(tour: Tour) -> None:
    await press(tour.pilot, "2")
    await until(tour.pilot, lambda: "Fits" in words(tour.pilot), PATIENCE)
    await tour.take("models")


async def _data(tour: Tour) -> None:
    app, pilot = tour.app, tour.pilot
    app.remember(form={"model": "sprout"})
    await press(pilot, "3")
    assert isinstance(app.screen, DataScreen)
    app.screen.open("robot-intents")
    await until(pilot, lambda: "✔ no problems" in words(pilot))
    await press(pilot, "k")
    await until(pilot, lambda: "⟦" in words(pilot))
    await tour.take("data")


async def _training(tour: Tour, iters: int) -> None:
    app, pilot = tour.app, tour.pilot
    simple = {"model": "sprout", "data": "robot-intents"}
    await app.train_with(simple | {"adapter_path": "quick", "iters": max(2, iters // 5)})
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: "✔ done" in words(pilot), PATIENCE)
    simple |= {"adapter_path": ADAPTER, "iters": iters}
    await app.train_with(simple)
    await judged(pilot, "✔ Memory", "examples to learn from", "Ready.")
    await tour.take("train")
    often = {"steps_per_report": 2, "steps_per_eval": max(1, iters // 6)}
    await app.train_with(simple | often)
    await press(pilot, "ctrl+r")
    step = iters * 2 // 3
    await until(pilot, lambda: _step() >= step, PATIENCE)
    await until(pilot, lambda: "▶ training" in words(pilot), PATIENCE)
    await tour.take("run")
    await until(pilot, lambda: "✔ done" in words(pilot), PATIENCE)
    await tour.take("run-done")


def _step() -> int:
    return EventReader(Path(ADAPTER)).read_all().step


async def _chat(tour: Tour) -> None:
    pilot = tour.pilot
    await press(pilot, "c")
    await until(pilot, lambda: "sent by their numbers" in words(pilot), PATIENCE)
    await tour.take("chat-empty")
    for i, mode in enumerate(("ATTACHED", "DETACHED"), 1):
        await until(pilot, lambda mode=mode: mode in words(pilot), PATIENCE)
        await say(pilot, REQUEST)
        await until(pilot, lambda i=i: words(pilot).count("first after") == i, PATIENCE)
        if i == 1:
            await press(pilot, "ctrl+t")
    await until(pilot, lambda: "answering" not in words(pilot))
    await tour.take("chat")
    tour.app.unsaved.clear()


async def _compare(tour: Tour) -> None:
    pilot = tour.pilot
    await press(pilot, "escape", "6")
    await until(pilot, lambda: "type a prompt" in words(pilot), PATIENCE)
    await say(pilot, REQUEST)
    columns = tour.app.screen.query_one(SideBySide)
    await until(pilot, lambda: len(columns.answers) == 3, PATIENCE)
    await until(pilot, lambda: "type a prompt" in words(pilot))
    await tour.take("compare")


async def _test_file(tour: Tour) -> None:
    pilot = tour.pilot
    tour.app.remember(compare={"limit": MEASURED})
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: "test.jsonl" in words(pilot))
    await press(pilot, "ctrl+r")
    measured = tour.app.screen.query_one(BatchView)
    await until(pilot, lambda: measured.figures and "FIXED" in words(pilot), PATIENCE)
    await tour.take("compare-file")


async def _deliver(tour: Tour) -> None:
    pilot = tour.pilot
    await press(pilot, "escape", "7")
    await until(pilot, lambda: "shadow-mlx export" in words(pilot))
    await press(pilot, "enter")
    await until(pilot, lambda: "✔ exported" in words(pilot), PATIENCE)
    await tour.take("deliver")


async def _server(tour: Tour) -> None:
    pilot = tour.pilot
    await press(pilot, "escape", "s")
    await until(pilot, lambda: "shadow-mlx serve" in words(pilot))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tour.app.screen.query_one("#form-serve #row-port", OptionRow).value = str(port)
    await until(pilot, lambda: f"--port {port}" in words(pilot))
    await press(pilot, "ctrl+r")
    await until(pilot, lambda: "▶ serving" in words(pilot), PATIENCE)
    await tour.take("server")
    await press(pilot, "escape", "x")
    await until(pilot, lambda: "▶ serving" not in words(pilot), PATIENCE)


if __name__ == "__main__":
    main()
