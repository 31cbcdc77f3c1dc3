"""A record that grows, is torn, or was begun anew is read as far as it goes, a line once."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.runs import record
from shadow_mlx.runs.events import from_json
from shadow_mlx.runs.listing import summarise
from shadow_mlx.runs.record import EventReader
from tests.runs.fake_run import started, trained, validated, write_story


def test_a_long_record_is_read_in_pieces(tmp_path: Path) -> None:
    events = [started(1_000_000), *(trained(i) for i in range(1, 5_001)), validated(5_000)]
    folder = write_story(tmp_path / "long", events)
    view = EventReader(folder).read_all()
    assert len(view.train) == 5_000
    assert view.best_step == 5_000


def test_a_list_of_runs_reads_a_growing_record_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_story(tmp_path / "mine", [started(100), trained(10)])
    reader = EventReader(folder)
    assert summarise(folder, reader).step == 10
    parsed: list[str] = []
    monkeypatch.setattr(record, "from_json", lambda line: parsed.append(line) or from_json(line))
    write_story(folder, [trained(20)])
    assert summarise(folder, reader).step == 20
    assert len(parsed) == 1


def test_a_torn_last_line_waits_for_its_rest(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "mine", [started(100), trained(10)])
    path = folder / "run" / "events.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    reader = EventReader(folder)
    assert len(reader.read_all().train) == 0
    path.write_bytes(whole)
    assert len(reader.read_all().train) == 1
