"""The whole way: an adapter to a folder from which mlx-lm answers as the detached model does."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_lm
import mlx_lm.utils
import pytest
from mlx_lm import generate

from shadow_mlx import loading
from shadow_mlx.config import ExportConfig
from shadow_mlx.errors import InputError, ModelError, SurroundingsError
from shadow_mlx.export import exporting
from shadow_mlx.export.exporting import export_model
from tests.export.conftest import Adapter
from tests.tiny import write_tiny_backbone

DATA = "models/sprout/data/robot-intents"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "exported"


def same_answers(adapter: Path, output: Path, prompts: list[list[int]]) -> bool:
    detached, tokenizer = loading.load(None, adapter, "detached")
    model, own = mlx_lm.load(str(output))
    assert own.eos_token_ids == tokenizer.eos_token_ids
    return all(
        generate(model, own, prompt, max_tokens=24)
        == generate(detached, tokenizer, prompt, max_tokens=24)
        for prompt in prompts
    )


PROMPTS = [[1, 40, 50, 60], [1, 70, 90, 2, 30], [200, 201]]


@pytest.mark.parametrize("options", [{}, {"shadow_hidden_size": 16, "shadow_heads": 2}])
@pytest.mark.parametrize("tied", [True, False])
def test_greedy_answers_are_those_of_the_detached_model(
    options: dict[str, int], tied: bool, tmp_path: Path, output: Path, adapter_on: Adapter
) -> None:
    backbone = write_tiny_backbone(tmp_path / "backbone", tie_word_embeddings=tied)
    adapter = adapter_on(backbone, **options)
    found = export_model(ExportConfig(adapter_path=str(adapter), output=str(output)))
    assert found.apart is not None
    assert found.apart < 1e-5
    assert found.not_for_transformers is None
    assert same_answers(adapter, output, PROMPTS)
    assert {path.name for path in output.iterdir()} == {
        "README.md", "config.json", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (output / name).read_bytes() == (backbone / name).read_bytes()


def test_the_end_of_a_turn_ends_an_answer_there_too(
    tmp_path: Path, output: Path, adapter_on: Adapter
) -> None:
    backbone = write_tiny_backbone(tmp_path / "backbone", eos_token_id=0)  # <|endoftext|>
    (backbone / "generation_config.json").write_text('{"temperature": 0.6, "eos_token_id": 0}')
    adapter = adapter_on(backbone)
    export_model(ExportConfig(adapter_path=str(adapter), output=str(output)))
    generation = json.loads((output / "generation_config.json").read_text())
    assert generation == {"temperature": 0.6, "eos_token_id": [0, 2]}
    assert json.loads((output / "config.json").read_text())["eos_token_id"] == [0, 2]


def test_bits_of_the_backbone_and_bits_that_are_asked_for(
    tmp_path: Path, output: Path, adapter_on: Adapter
) -> None:
    backbone = write_tiny_backbone(tmp_path / "plain", hidden_size=64)
    mlx_lm.convert(
        str(backbone), str(tmp_path / "q"), quantize=True, q_bits=4, q_group_size=32,
        dtype="bfloat16",
    )  # fmt: skip
    adapter = adapter_on(tmp_path / "q")

    def exported(**options: Any) -> tuple[exporting.Exported, dict[str, Any]]:
        config = ExportConfig(adapter_path=str(adapter), output=str(output), **options)
        found = export_model(config)
        return found, json.loads((output / "config.json").read_text())

    kept, config = exported()
    assert config["quantization"]["bits"] == 4
    assert kept.apart is not None
    assert kept.apart < 1e-2
    assert same_answers(adapter, output, PROMPTS)
    plain, config = exported(dequantize=True)
    assert "quantization" not in config
    assert config["dtype"] == "bfloat16"
    assert plain.not_for_transformers is None
    assert plain.bytes > kept.bytes
    small, config = exported(q_bits=8, q_group_size=32)
    assert config["quantization"] == {"bits": 8, "group_size": 32, "mode": "affine"}
    assert small.apart is None
    assert "quantized" in str(small.not_for_transformers)
    model, _ = mlx_lm.load(str(output))
    assert mx.isfinite(model(mx.array([PROMPTS[0]]))).all().item()


def test_nothing_stands_there_when_the_disk_is_full(
    tiny_adapter: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(exporting, "write_settings", full)
    with pytest.raises(SurroundingsError, match="the disk is full"):
        export_model(ExportConfig(adapter_path=str(tiny_adapter), output=str(output)))
    assert [*output.parent.iterdir()] == []


def test_what_was_there_stays_when_the_new_one_fails(
    tiny_adapter: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ExportConfig(adapter_path=str(tiny_adapter), output=str(output))
    export_model(config)
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    monkeypatch.setattr(exporting, "difference", lambda *args: 0.5)
    with pytest.raises(ModelError, match="gives other answers than the detached one"):
        export_model(config)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
    monkeypatch.undo()
    export_model(config)  # an earlier export is replaced


def test_sprout_cut_to_its_data_answers_the_same(tmp_path: Path, adapter_on: Adapter) -> None:
    """Bundled weights under a random shadow: what is said is nonsense, and the same nonsense."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    adapter = adapter_on(Path("models/sprout").resolve())
    export_model(ExportConfig(adapter_path=str(adapter), output=str(whole)))
    found = export_model(
        ExportConfig(adapter_path=str(adapter), output=str(cut), vocabulary=f"{DATA}/test.jsonl")
    )
    kept, rows = found.tokens
    assert rows == 2048
    assert 256 < kept < 1024
    assert found.apart is not None
    assert found.apart < 1e-5
    big, small = mlx_lm.utils.load_tokenizer(whole), mlx_lm.utils.load_tokenizer(cut)
    model, _ = mlx_lm.utils.load_model(cut)
    assert model.model.embed_tokens.weight.shape[0] == kept
    assert {small.decode([end]) for end in small.eos_token_ids} == {"<|im_end|>"}
    for line in Path(DATA, "test.jsonl").read_text().splitlines()[:50]:
        messages = json.loads(line)["messages"]
        texts = [each.apply_chat_template(messages, tokenize=False) for each in (big, small)]
        assert texts[0] == texts[1]
        numbers = [each.encode(texts[0]) for each in (big, small)]
        assert len(numbers[0]) == len(numbers[1])
        assert small.decode(numbers[1]) == big.decode(numbers[0])


def test_an_adapter_is_needed(tmp_path: Path, output: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        export_model(ExportConfig(adapter_path=str(tmp_path / "none"), output=str(output)))
    assert not output.exists()
