"""``shadow-mlx estimate``, and the worker's answer to the same question."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.memory import report as reporting
from shadow_mlx.memory.verdict import Suggestion
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import estimating
from shadow_mlx.worker import messages as m


def flags(backbone: Path) -> list[str]:
    return ["--model", str(backbone), "--max-seq-length", "64", "--batch-size", "2"]


def test_the_table_and_the_verdict(tiny_backbone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", *flags(tiny_backbone)]) == 0
    out, err = capsys.readouterr()
    words = out.split()
    assert {"weights", "adapter", "optimizer", "activations", "logits", "peak", "cache"} <= {*words}
    assert out.startswith("2 × 64 tokens a batch, 126 of them trained")
    assert "Fits: about" in out
    assert "no --data" in err


def test_figures_as_json(tiny_backbone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", *flags(tiny_backbone), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    parts = ("weights", "adapter", "gradients", "optimizer", "activations", "logits")
    assert sum(figures["estimate"][part] for part in parts) == figures["estimate"]["peak"]
    assert figures["verdict"]["fit"] == "fits"
    assert figures["suggestions"] == []


@pytest.fixture
def small_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of three megabytes, for which there is one piece of advice."""
    monkeypatch.setattr("shadow_mlx.memory.estimate.working_memory", lambda: 3_000_000)
    advice = [Suggestion("--flag 3", {}, 10**9, "fits")]
    monkeypatch.setattr(reporting, "suggestions", lambda *_, **__: advice)


@pytest.mark.usefixtures("small_machine")
def test_a_run_that_does_not_fit_is_an_answer_too(
    tiny_backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", *flags(tiny_backbone)]) == 0
    out = capsys.readouterr().out
    assert "Does not fit" in out
    assert "What would make it fit:\n  --flag 3" in out
    assert "1.0 GB" in out


@pytest.mark.usefixtures("small_machine")
def test_the_worker_gives_the_verdict_first_and_then_the_advice(tiny_backbone: Path) -> None:
    config = {"model": str(tiny_backbone), "max_seq_length": 64, "batch_size": 2}
    first, second = estimating.serve(m.Estimate(1, config), print, StopToken())
    assert isinstance(first, m.Estimated)
    assert isinstance(second, m.Estimated)
    assert first.fit == second.fit == "too large"
    assert not m.is_final(first)
    assert m.is_final(second)
    assert second.advice == [("--flag 3", 10**9)]


def test_wrong_input_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", "--model", "./nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_worker_answers_the_same(
    tiny_backbone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", *flags(tiny_backbone), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    config = {"model": str(tiny_backbone), "max_seq_length": 64, "batch_size": 2}
    (reply,) = estimating.serve(m.Estimate(1, config), print, StopToken())
    assert isinstance(reply, m.Estimated)
    assert reply.peak == sum(reply.parts.values()) == figures["estimate"]["peak"]
    assert reply.fit == "fits"
    assert reply.sentence == figures["verdict"]["sentence"]
    assert m.decode(m.encode(reply)) == reply


def test_the_worker_makes_batches_once_for_other_settings(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 4)
    made = []
    real = estimating.batch_of_data
    monkeypatch.setattr(
        estimating, "batch_of_data", lambda *given: made.append(given) or real(*given)
    )
    config = {"model": str(tiny_backbone), "data": str(data), "max_seq_length": 64}
    for rank in (4, 8):
        list(estimating.serve(m.Estimate(1, {**config, "rank": rank}), print, StopToken()))
    assert len(made) == 1


def test_machines_are_counted(tiny_backbone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["estimate", *flags(tiny_backbone), "--machines", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 × 64 tokens a batch, 126 of them trained; on each of 2 machines:")
    assert main(["estimate", *flags(tiny_backbone), "--parallel", "tensor"]) == 2
    assert "say how many machines there are, as --machines 2" in capsys.readouterr().err
    assert main(["estimate", *flags(tiny_backbone), "--machines", "0"]) == 2
    assert "expected a whole number from 1, found '0'" in capsys.readouterr().err
