"""Events on their way to a line and back: the declared types, and nothing else."""

from __future__ import annotations

import dataclasses
import json

import pytest

from shadow_mlx.files.declared import UnfitError, build
from shadow_mlx.runs.events import Event, Noted, RunEnded, Trained, from_json, to_json
from tests.runs.fake_run import started, trained


def test_an_event_is_built_of_the_declared_types_only() -> None:
    event = trained(10)
    assert build(Trained, dataclasses.asdict(event)) == event
    ended = RunEnded(0.0, "done", 3, None, None, 1.0)
    assert from_json(to_json(ended)) == ended
    assert from_json(to_json(started(5))) == started(5)
    with pytest.raises(UnfitError, match="missing"):
        build(Noted, {"time": 1.0, "level": "info"})
    newer = {**json.loads(to_json(event)), "new_in_the_next_version": [1]}
    assert from_json(json.dumps(newer)) == event
    unknown: Event | None = from_json(json.dumps({"event": "NewInTheNextVersion", "time": 1}))
    assert unknown is None
