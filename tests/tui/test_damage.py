"""Damaged records: whatever a line or a file of a run holds, each screen has something to show."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.config import AnswerConfig, CompareConfig
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.events import Noted, from_json, to_json
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.listing import SPARK, ago, find_runs, summarise
from shadow_mlx.runs.record import EventReader
from tests.runs.fake_run import story, trained, write_story
from tui.state import from_mapping, load_state, state_file
from tui.views import run_facts, ticks
from tui.views.alerts import alerts
from tui.views.loss_curves import Ahead, Losses
from tui.views.plot import Curve, Look, draw
from tui.views.words import headline, sparkline, summary

STORY = [*story(100), Noted(1.0, "info", "a remark")]
KINDS = {type(event).__name__: at for at, event in enumerate(STORY)}  # the last one of each kind

VALUES: list[Any] = [
    None, True, False, "", "text", "\ud800", "\x00\x1b[2J", [], [1], {}, {"a": [1]}, [[[[]]]],
    -1, 0, 3.5, -0.0, 10**15, 10**30, 10**400, -(10**400), 1e39, 1e308, -1e308,
    float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
WHOLE: list[bytes] = [
    b"null", b"[]", b"3", b'"text"', b"NaN", b"{}", b"{", b"}", b"\x00" * 90, b"\xff\xfe\xed\xa0",
    bytes(range(11, 256)), b"[" * 100_000, b'{"a":' * 100_000, b'{"event": "Nonsense"}',
    b'{"event": ["Trained"]}', b'{"event": {}}', b'{"event": null}', b'{"event": "Trained"}',
    b'{"event": "Event", "time": 1}', b"9" * 10_000, b"x" * 10_000_000, b"<<<<<<< HEAD",
    b'{"event": "Noted", "time": 1, "level": "info", "message": "' + b"y" * 2_000_000 + b'"}',
]  # fmt: skip


def dumped(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def damages(kind: str) -> Iterator[bytes]:
    """The line of an event: each field given each value, or left out."""
    fields = json.loads(to_json(STORY[KINDS[kind]]))
    for name in fields:
        yield dumped({key: value for key, value in fields.items() if key != name})
        for value in VALUES:
            yield dumped({**fields, name: value})


def shown(folder: Path) -> RunView:
    """Everything that a list and a page show of a run."""
    run = summarise(folder)
    view = EventReader(folder).read_all()
    assert ago(time.time() - run.changed) or run.changed
    sparkline(run.losses, SPARK)
    for running in (True, False):
        facts = run_facts.times(view, running=running, now=time.time())
        facts += run_facts.facts_of(view) + run_facts.measures(view)
        run_facts.in_a_row(facts).plain.encode()
        run_facts.in_lines(facts, 40).plain.encode()
        headline(view, run.status, folder, 100).plain.encode()
        alerts(view, live=running, now=time.time(), memory_bytes=10**9, free_disk_bytes=-1)
    summary(view, run.status, (), 80)
    run_facts.notes(view, {}).plain.encode()
    series = (view.train, view.shadow, view.valid, view.valid_shadow, view.speed)
    series += (view.rate, view.gradient, view.memory)
    for one in series:
        assert list(one.steps) == sorted(one.steps)
    curves = [(one.name, np.asarray(one.steps), np.asarray(one.values)) for one in series]
    drawn = [Curve(*one) for one in curves if len(one[1])]
    for look in (Look(), Look(log=True, smoothing=0.9), Look(window=(0.0, 50.0))):
        draw(drawn, 40, 10, look)
    for by_time in (False, True):
        losses = Losses(view, ahead=Ahead(300, 60.0), by_time=by_time)
        if losses.curves:
            draw([curve for curve, _ in losses.curves], 40, 10, Look(window=losses.whole))
            ticks.times(*losses.whole, 5)
            assert losses.whole[0] <= (losses.now or losses.whole[0]) <= losses.whole[1]
    return view


def written(folder: Path, lines: list[bytes]) -> Path:
    write_story(folder, [])
    RunFolder(folder).events.write_bytes(b"".join(line + b"\n" for line in lines))
    return folder


GOOD = [to_json(event).encode() for event in STORY]


@pytest.mark.parametrize("kind", KINDS)
def test_each_damage_of_each_field_ends_nothing(kind: str, tmp_path: Path) -> None:
    found = [(line, from_json(line.decode())) for line in damages(kind)]
    refused = [line for line, event in found if event is None]
    assert len(found) > 70
    assert len(refused) > len(found) / 3
    view = shown(written(tmp_path / "refused", [*GOOD[:5], *refused, *GOOD[5:]]))
    assert view.skipped == len(refused)
    whole = shown(written(tmp_path / "whole", GOOD))
    assert view.trained == whole.trained
    assert list(view.train.values) == list(whole.train.values)
    taken = [line for line, event in found if event is not None]
    place = KINDS[kind]
    for number, line in enumerate(taken):  # a value of the right type, however odd
        shown(written(tmp_path / f"taken-{number}", [*GOOD[:place], line, *GOOD[place:]]))
    shown(written(tmp_path / "all", taken))


def test_lines_that_are_no_events_are_passed_over(tmp_path: Path) -> None:
    whole = shown(written(tmp_path / "whole", GOOD))
    for number, line in enumerate(WHOLE):
        count = 1 + line.count(b"\n")
        view = shown(written(tmp_path / str(number), [*GOOD[:7], line, *GOOD[7:]]))
        assert 0 < view.skipped <= count, line[:40]
        assert view.trained == whole.trained
        assert view.ended == whole.ended
        assert list(view.train.values) == list(whole.train.values)
        assert "no events: " in run_facts.notes(view, {}).plain


def test_a_record_of_nothing_but_damage(tmp_path: Path) -> None:
    for number, line in enumerate(WHOLE):
        view = shown(written(tmp_path / str(number), [line]))
        assert view.started is None
    shown(written(tmp_path / "all", WHOLE))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_bytes_changed_at_random(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(b"\n".join(GOOD) + b"\n")
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(raw)))
        raw[place : place + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=20))
    folder = written(tmp_path / "run", [])
    RunFolder(folder).events.write_bytes(raw)
    shown(folder)


def test_a_step_that_stands_out_leaves_the_curve_as_it_was(tmp_path: Path) -> None:
    whole = shown(written(tmp_path / "whole", GOOD))
    for step in (1, 2**50):
        odd = to_json(dataclasses.replace(trained(40, 100), step=step)).encode()
        view = shown(written(tmp_path / str(step), [*GOOD[:9], odd, *GOOD[9:]]))
        assert list(view.train.steps) == list(whole.train.steps)


def odd_states() -> Iterator[dict[str, Any]]:
    fields = [field.name for field in dataclasses.fields(from_mapping({}))]
    odd: list[Any] = [*VALUES, ["a\0b"], ["\ud800"], "a\0b", [None], "~nobody/x"]
    for name in fields:
        for value in odd:
            yield {name: value}
            yield {name: {"log": value, "smoothing": value, "max_tokens": value, "run": value}}
            yield {name: {"modes": value, "adapter_path": value, "thinking": value}}
            yield {name: [value]}


def test_a_damaged_state_gives_what_it_can(own_place: Path) -> None:
    for raw in odd_states():
        state_file().write_text(json.dumps(raw))
        state = load_state()
        json.dumps(dataclasses.asdict(state), allow_nan=False, ensure_ascii=False).encode()
        find_runs(state.runs, own_place)
        Look(**state.chart)
        assert isinstance(state.chart.get("log", False), bool)
        assert 0 <= state.chart.get("smoothing", 0.0) < 1
        AnswerConfig.from_mapping(state.answers)
        CompareConfig.from_mapping(state.compare)
        assert all(type(size) is int for size in state.panes.values())
        assert all(isinstance(key, str) for key in state.keys.values())
        assert isinstance(state.columns_of("run"), dict)
        assert isinstance(state.theme + state.system_prompt, str)


def test_a_state_that_is_no_file_is_not_waited_for(own_place: Path) -> None:
    os.mkfifo(state_file())
    assert load_state() == from_mapping({})


@pytest.mark.parametrize("raw", [*WHOLE, b"", b"\x80", b'{"runs": ' + b"[" * 100_000])
def test_a_state_that_is_no_state_is_the_default(own_place: Path, raw: bytes) -> None:
    state_file().write_bytes(raw)
    assert load_state() == from_mapping({})
