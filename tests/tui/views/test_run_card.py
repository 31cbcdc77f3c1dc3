"""What is told of the run that is chosen in a list."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from shadow_mlx.config import TrainConfig
from shadow_mlx.runs.events import Event, Saved
from shadow_mlx.runs.labels import relabel
from shadow_mlx.runs.listing import summarise
from shadow_mlx.runs.record import EventReader
from tests.runs.fake_run import sampled, started, story, trained, write_story
from tui.views import run_card


def test_settings_result_and_answers(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())
    run, view = summarise(folder), EventReader(folder).read_all()
    config = TrainConfig(data="/a/b/c/d/e.jsonl", rank=4, batch_size=16)
    told = dict(run_card.facts(run, view, config))
    assert told["data"] == "…/c/d/e.jsonl"
    assert told["length"] == "300 of 300 steps of 16"
    assert told["options"] == "--rank 4"
    assert told["result"].startswith("best validation loss 0.270 at step 300, detached 0.")
    assert "options" not in dict(run_card.facts(run, view, None))
    said = dict(run_card.sample(view))
    assert said["asked @300"] == "please bring me cup 1"
    assert said["✔ attached"] == said["✔ detached"] == said["expected"]
    assert run_card.title(run).plain == "mine  ✔ done"
    relabel(folder, name="robot", note="good", marked=True)
    assert run_card.title(summarise(folder)).plain == "★ robot  ✔ done\nmine\n“good”"


def test_a_wrong_answer_is_marked_and_none_takes_no_room(own_place: Path) -> None:
    folder = write_story(own_place / "mine", [started(300), sampled(150)])
    said = dict(run_card.sample(EventReader(folder).read_all()))
    assert "✘ detached" in said
    assert "✔ attached" in said
    empty = EventReader(write_story(own_place / "other", [started(300)])).read_all()
    assert run_card.sample(empty) == []


def test_what_comes_next_names_what_works(own_place: Path) -> None:
    folder = write_story(own_place / "mine", story())
    run, view = summarise(folder), EventReader(folder).read_all()
    assert run_card.following(run, view, ["chat"]) == "Enter opens it · c chats with it"
    stopped = dataclasses.replace(run, status="stopped")
    assert "r goes on from step 300" in run_card.following(stopped, view, [])
    events: list[Event] = [started(300), trained(10), Saved(0.0, 10, "x", True)]
    cut = summarise(write_story(own_place / "cut", events))
    assert run_card.following(cut, view, ["chat"]) == cut.death != ""
