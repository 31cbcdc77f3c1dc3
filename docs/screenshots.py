"""The documents' screenshots, from the real app: ``python -m docs.screenshots [--iters N]``.

sprout learns robot-intents for a while, and the person at the keys looks at each page. Nothing is
made up; the training is only cut short. Needs the development dependencies.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from shadow_mlx.backbones.bundled import bundled_data
from shadow_mlx.runs.record import EventReader
from tests.tui.support import picture, press, run, say, shown, until, words
from tui.app import ShadowApp
from tui.screens.data import DataScreen
from tui.widgets.side_by_side import SideBySide

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "screenshots"
SIZE = (120, 36)
PATIENCE = 1800.0
REQUEST = "Could you bring me the red cup from the kitchen?"


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iters", type=int, default=300, help="steps of the training")
    iters = parser.parse_args().iters
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "robots"
        place.mkdir()
        shutil.copytree(bundled_data(), place / "robot-intents")
        os.environ |= {"SHADOW_MLX_STATE": str(place / ".state.json"), "PYTHONPATH": str(ROOT)}
        os.chdir(place)
        run(_tour(iters))


async def _tour(iters: int) -> None:
    app = ShadowApp()
    async with shown(app, SIZE) as pilot:
        await _data(app, pilot)
        await _training(app, pilot, iters)
        await _chat(app, pilot)
        await _compare(app, pilot)
        await _deliver(app, pilot)
        await press(pilot, "escape", "1")
        await until(pilot, lambda: "✔ done" in words(pilot))
        _take(app, "home")


async def _data(app: ShadowApp, pilot: Pilot[Any]) -> None:
    app.remember(form={"model": "sprout"})
    await press(pilot, "3")
    assert isinstance(app.screen, DataScreen)
    app.screen.open("robot-intents")
    await until(pilot, lambda: "✔ no problems" in words(pilot))
    await press(pilot, "k")
    await until(pilot, lambda: "⟦" in words(pilot))
    _take(app, "data")


async def _training(app: ShadowApp, pilot: Pilot[Any], iters: int) -> None:
    simple = {"model": "sprout", "data": "robot-intents", "adapter_path": "adapters"}
    await app.train_with(simple | {"iters": iters})
    await until(pilot, lambda: "examples to learn from" in words(pilot))
    _take(app, "train")
    often = {"steps_per_report": 2, "steps_per_eval": max(1, iters // 6)}
    await app.train_with(simple | {"iters": iters} | often)
    await press(pilot, "ctrl+r")
    step = iters * 3 // 4
    await until(pilot, lambda: _step(app) >= step, PATIENCE)
    await until(pilot, lambda: "▶ training" in words(pilot), PATIENCE)
    _take(app, "run")
    await until(pilot, lambda: "✔ done" in words(pilot), PATIENCE)


def _step(app: ShadowApp) -> int:
    return EventReader(Path("adapters")).read_all().step


async def _chat(app: ShadowApp, pilot: Pilot[Any]) -> None:
    await press(pilot, "c")
    for i, mode in enumerate(("ATTACHED", "DETACHED"), 1):
        await until(pilot, lambda mode=mode: mode in words(pilot), PATIENCE)
        await say(pilot, REQUEST)
        await until(pilot, lambda i=i: words(pilot).count("first after") == i, PATIENCE)
        if i == 1:
            await press(pilot, "ctrl+t")
    await until(pilot, lambda: "answering" not in words(pilot))
    _take(app, "chat")
    app.unsaved.clear()


async def _compare(app: ShadowApp, pilot: Pilot[Any]) -> None:
    await press(pilot, "escape", "6")
    await until(pilot, lambda: "type a prompt" in words(pilot), PATIENCE)
    await say(pilot, REQUEST)
    columns = app.screen.query_one(SideBySide)
    await until(pilot, lambda: len(columns.answers) == 3, PATIENCE)
    await until(pilot, lambda: "type a prompt" in words(pilot))
    _take(app, "compare")


async def _deliver(app: ShadowApp, pilot: Pilot[Any]) -> None:
    await press(pilot, "escape", "7")
    await until(pilot, lambda: "shadow-mlx export" in words(pilot))
    await press(pilot, "enter")
    await until(pilot, lambda: "✔ exported" in words(pilot), PATIENCE)
    _take(app, "deliver")


def _take(app: ShadowApp, name: str) -> None:
    (FOLDER / f"{name}.svg").write_text(picture(app, "shadow-mlx tui"), encoding="utf-8")
    print(f"docs/screenshots/{name}.svg")


if __name__ == "__main__":
    main()
