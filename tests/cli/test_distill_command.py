"""``shadow-mlx distill``: an adapter's shadow learns from its attached model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.loading import load_model
from shadow_mlx.runs.settings import settings_of
from tests.training.conftest import write_chats

QUICK = ["--batch-size", "4", "--val-batches", "1", "--samples", "0"]


@pytest.fixture
def adapter(tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_chats(tmp_path / "chats.jsonl")
    begin = ["train", "--model", str(tiny_backbone), "--data", "chats.jsonl", "--iters", "4"]
    assert main([*begin, "--max-seq-length", "48", *QUICK]) == 0
    return tmp_path / "adapters"


def table(folder: Path, mode: str) -> np.ndarray:
    import mlx.core as mx

    return np.array(load_model(None, folder, mode=mode)(mx.array([[1, 2, 3]])))


def test_the_shadow_moves_and_the_adapter_stays(adapter, capsys):
    before = {path.name: path.read_bytes() for path in adapter.iterdir() if path.is_file()}
    assert main(["distill", "--iters", "4", "--learning-rate", "1e-2", *QUICK]) == 0
    shadow = adapter.parent / "shadow"
    assert "distill loss" in capsys.readouterr().err
    settings = settings_of(shadow)
    assert (settings.teacher, settings.shadow) == (str(adapter), str(adapter))
    assert (settings.data, settings.max_seq_length) == (str(adapter.parent / "chats.jsonl"), 48)
    assert (settings.objective, settings.distill_weight) == ("pretrain", 1.0)
    assert not np.allclose(table(shadow, "detached"), table(adapter, "detached"), atol=1e-3)
    np.testing.assert_allclose(table(shadow, "attached"), table(shadow, "base"), atol=1e-5)
    assert before == {path.name: path.read_bytes() for path in adapter.iterdir() if path.is_file()}


def test_it_resumes_and_goes_on(adapter):
    assert main(["distill", "--iters", "2", "--output", "out", *QUICK]) == 0
    assert main(["distill", "--resume", "--output", "out", "--iters", "4"]) == 0
    assert settings_of(Path("out").absolute()).iters == 4


def test_without_an_adapter_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["distill", "--data", "x.jsonl"]) == 2
    assert "adapters" in capsys.readouterr().err


def test_the_file_of_options_may_say_where(adapter):
    Path("options.yaml").write_text("adapter_path: elsewhere\n")
    assert main(["distill", "--iters", "2", "-c", "options.yaml", *QUICK]) == 0
    assert settings_of(adapter.parent / "elsewhere").objective == "pretrain"


def test_an_answer_needs_a_token(adapter, capsys):
    assert main(["distill", "--max-tokens", "0", *QUICK]) == 2
    assert "--max-tokens" in capsys.readouterr().err
