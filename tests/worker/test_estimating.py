"""The estimate of the form: of data that lack answers, too, where the run is to write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.errors import DataError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker.estimating import serve


def test_answers_that_the_run_will_write_may_be_missing(
    tiny_adapter: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    data = tmp_path / "prompts.jsonl"
    data.write_text('{"messages": [{"role": "user", "content": "say a"}]}\n')
    options = {"model": str(tiny_backbone), "data": str(data), "teacher": str(tiny_adapter)}
    options |= {"objective": "pretrain", "max_seq_length": 64}

    def first(**more: str) -> m.Reply:
        return next(iter(serve(m.Estimate(1, {**options, **more}), lambda _: None, StopToken())))

    found = first(answers="missing")
    assert isinstance(found, m.Estimated)
    assert any("answers are missing that the run will write" in note for note in found.notes)
    with pytest.raises(DataError, match="no assistant turn"):
        first()
