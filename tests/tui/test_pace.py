"""How long a run will take, told from an earlier one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.runs.events import Trained
from tests.runs.fake_run import story, write_story
from tests.tui.support import judged, press, shown
from tui.app import ShadowApp
from tui.views.extent import extent
from tui.views.pace import Pace, checks_of, pace_of

LINE = '{"prompt": "a", "completion": "b"}\n'
SPEED, EPOCH_TOKENS, CHECK = 2_345.0, 90_000, 0.5  # of the story that the tests tell


@pytest.fixture
def data(own_place: Path) -> Path:
    path = own_place / "data.jsonl"
    path.write_text(LINE * 1000)
    return path


def earlier(place: Path, data: Path, **changes: object) -> Path:
    return write_story(place / "earlier", story(), {"data": str(data), **changes})


def test_an_earlier_run_on_the_same_backbone_tells(own_place: Path, data: Path) -> None:
    folder = earlier(own_place, data)
    trained_on = 0.9 * len(LINE) * 1000
    expected = Pace(SPEED, EPOCH_TOKENS / trained_on, CHECK)
    assert pace_of("sprout", [str(folder)], own_place / "nowhere") == expected
    assert pace_of("sprout", [], own_place) == expected


def test_where_nothing_is_known_nothing_is_said(own_place: Path, data: Path) -> None:
    assert pace_of("sprout", [], own_place) is None
    earlier(own_place, data)
    assert pace_of("other", [], own_place) is None
    data.unlink()
    assert pace_of("sprout", [], own_place) is None


def test_a_record_of_no_speed_tells_nothing(own_place: Path, data: Path) -> None:
    still = [dataclasses.replace(e, tokens_per_second=0.0) if isinstance(e, Trained) else e
             for e in story()]  # fmt: skip
    write_story(own_place / "earlier", still, {"data": str(data)})
    assert pace_of("sprout", [], own_place) is None


def test_the_same_run_again_takes_as_long() -> None:
    pace = Pace(100.0, 0.25, 2.0)
    assert pace.seconds(3.0, 4_000.0, 5) == 3 * 1_000 / 100 + 5 * 2
    assert checks_of(TrainConfig(steps_per_eval=100), 300) == 4
    assert checks_of(TrainConfig(steps_per_eval=100), 301) == 5
    assert checks_of(TrainConfig(val_batches=0), 300) == 0


def test_the_extent_names_the_time(data: Path) -> None:
    config = TrainConfig(data=str(data), batch_size=10, epochs=1.0, model="sprout")
    pace = Pace(100.0, 10_000 / (0.9 * len(LINE) * 1000), 5.0)
    told = extent(config, (1000, 0), pace).time
    assert told == "About 1 min 50 s, as fast as the last."  # 10,000 tokens, two checks
    assert extent(config, (1000, 0), None).time == ""


async def test_the_form_tells_it_before_the_start(own_place: Path, data: Path) -> None:
    earlier(own_place, data)

    app = ShadowApp()
    app.remember(form={"data": str(data), "model": "sprout"})
    async with shown(app) as pilot:
        await press(pilot, "4")
        await judged(pilot, "as fast as the last")
