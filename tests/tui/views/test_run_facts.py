from __future__ import annotations

import dataclasses
import time

from shadow_mlx.machine import Business
from shadow_mlx.runs.curves import RunFold, RunView
from shadow_mlx.runs.events import Event, PhaseChanged, RunEnded
from tests.runs.fake_run import started, trained
from tui.views import run_facts

NOON = time.mktime((2026, 7, 14, 12, 0, 0, 0, 0, -1))


def view_of(*events: Event) -> RunView:
    fold = RunFold()
    for event in events:
        fold.add(event)
    return fold.snapshot()


BEGUN = dataclasses.replace(started(300), time=NOON)
REPORTED = trained(100, at=NOON + 60)  # 20 s are left


def test_a_run_tells_how_long_it_takes_and_when_it_ends() -> None:
    view = view_of(BEGUN, REPORTED)
    assert run_facts.times(view, running=True, now=NOON + 65) == [
        ("elapsed", "1 min 05 s"),
        ("left", "15 s"),
        ("ends at", "12:01"),
    ]
    late = run_facts.times(view, running=True, now=NOON + 600)
    assert ("left", "0 s") in late


def test_a_run_that_waits_has_no_end() -> None:
    view = view_of(BEGUN, REPORTED, PhaseChanged(NOON + 61, "paused"))
    assert [name for name, _ in run_facts.times(view, running=True, now=NOON + 65)] == ["elapsed"]


def test_what_is_over_took_what_it_says_or_what_was_seen_of_it() -> None:
    ended = view_of(BEGUN, REPORTED, RunEnded(NOON + 90, "done", 300, None, None, 77.0))
    assert run_facts.times(ended, running=False, now=NOON + 9999) == [("elapsed", "1 min 17 s")]
    killed = view_of(BEGUN, REPORTED)
    assert run_facts.times(killed, running=False, now=NOON + 9999) == [("elapsed", "1 min 00 s")]
    assert run_facts.times(RunView(), running=False, now=NOON) == []


def test_what_was_done_before_it_went_on_counts() -> None:
    again = dataclasses.replace(started(300, 100), time=NOON + 5000)
    view = view_of(BEGUN, REPORTED, again)
    assert run_facts.times(view, running=True, now=NOON + 5003)[0] == ("elapsed", "1 min 03 s")


def test_an_end_on_another_day_has_its_day() -> None:
    assert run_facts.ends_at(3600, NOON) == "13:00"
    assert run_facts.ends_at(24 * 3600, NOON) == "Wed 12:00"


def test_the_machine_tells_what_is_known_of_it() -> None:
    busy = Business(16 * 10**9, 8 * 10**9, 10**9, 2 * 10**9, 1.72, 8)
    assert run_facts.machine_facts(busy) == [
        ("machine", "━━━━╌╌╌╌ 8.0 GB of 16.0 GB"),
        ("swap", "1.0 GB of 2.0 GB"),
        ("load", "1.7 on 8 processors"),
    ]
    assert run_facts.machine_facts(Business()) == []
    assert run_facts.machine_facts(Business(swap=0, swap_space=0, load=1.0)) == [("load", "1.0")]


def test_values_stand_at_the_right_edge() -> None:
    text = run_facts.in_lines([("left", "15 s"), ("a", "1")], 30)
    assert text.plain.splitlines() == ["left" + " " * 22 + "15 s", "a" + " " * 28 + "1"]
