"""Contenders in memory: each as its own loader gives it, the backbone read once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm import load as mlx_lm_load

from shadow_mlx import loading
from shadow_mlx.errors import InputError, ModelError
from shadow_mlx.evaluation.contenders import contenders
from shadow_mlx.evaluation.stage import Stage
from tests.mlx_lm_adapters import write_mlx_lm_adapter
from tests.tiny import write_tiny_backbone

TOKENS = mx.array([[5, 6, 7, 8]])


def test_everybody_answers_as_if_alone_and_the_backbone_is_read_once(
    tiny_adapter: Path, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    load_backbone = loading.load_backbone

    def counted(name: Any, **options: Any) -> Any:
        read.append(name)
        return load_backbone(name, **options)

    rivals = [
        str(write_mlx_lm_adapter(tmp_path / kind, tiny_backbone, kind))
        for kind in ("lora", "dora", "full")
    ]
    other = str(shutil.copytree(tiny_adapter, tmp_path / "other"))
    alone = {
        mode: loading.load_model(None, tiny_adapter, mode)(TOKENS)
        for mode in ("base", "attached", "detached")
    }
    for kind, folder in zip(("lora", "dora", "full"), rivals, strict=True):
        alone[kind] = mlx_lm_load(str(tiny_backbone), adapter_path=folder)[0](TOKENS)
    monkeypatch.setattr(loading, "load_backbone", counted)
    taking_part = contenders([str(tiny_adapter), other], rivals=rivals)
    stage = Stage()
    for one in [*taking_part, *reversed(taking_part)]:
        loaded = stage.load(one)
        assert mx.array_equal(loaded.models[one.mode](TOKENS), alone[one.mode]), one.name
        assert loaded.model == str(tiny_backbone)
        assert (loaded.trained > 0) == (one.rival is not None)
        assert loaded.notes == []
    assert len(read) == 1


def test_a_whole_model_has_its_own_weights_and_tokenizer(
    tiny_adapter: Path, tmp_path: Path
) -> None:
    other = write_tiny_backbone(tmp_path / "other", seed=4)
    (one,) = contenders([str(tiny_adapter)], [], rivals=[str(other)])
    loaded = Stage().load(one)
    expected = mlx_lm_load(str(other))[0]
    assert mx.array_equal(loaded.models["model"](TOKENS), expected(TOKENS))
    assert loaded.model == str(other)


def test_a_model_that_is_none_is_named_by_its_flag(tmp_path: Path) -> None:
    (one,) = contenders([], [], rivals=[str(tmp_path / "nowhere")])
    with pytest.raises(ModelError, match=r"--rival .*nowhere: no such folder"):
        Stage().load(one)


def test_what_does_not_fit_is_found_before_it_is_measured(
    tiny_adapter: Path, tmp_path: Path
) -> None:
    wide = write_tiny_backbone(tmp_path / "wide", hidden_size=64)
    lora = write_mlx_lm_adapter(tmp_path / "lora", wide)
    cut = write_tiny_backbone(tmp_path / "cut")
    (weights,) = cut.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-4])
    for rival, said in ((lora, "cannot put it on this model"), (cut, "cut short")):
        (one,) = contenders([str(tiny_adapter)], [], rivals=[str(rival)])
        with pytest.raises(InputError, match=said):
            Stage().check(one)
    for one in contenders([str(tiny_adapter)], rivals=[str(wide)]):
        Stage().check(one)


def test_an_adapter_of_another_model_is_remarked(
    tiny_adapter: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    twin = shutil.copytree(tiny_backbone, tmp_path / "twin")
    lora = write_mlx_lm_adapter(tmp_path / "lora", twin)
    (one,) = contenders([str(tiny_adapter)], [], rivals=[str(lora)])
    (note,) = Stage().load(one).notes
    assert (
        note == f"lora: records that it was trained on {twin}, and stands on {tiny_backbone} here"
    )
