from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from shadow_mlx.config import MODES, ServeConfig
from shadow_mlx.errors import InputError
from shadow_mlx.serving.models import Catalogue, Weights, names_of
from shadow_mlx.serving.problems import RequestError
from tests.tiny import tiny_attached_model, write_tiny_backbone


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        (["/a/x"], ["x"]),
        (["/a/x", "/a/y"], ["x", "y"]),
        (["/a/x", "/b/x"], ["a/x", "b/x"]),
        (["/r/a/x", "/r/b/x", "/r/z"], ["a/x", "b/x", "z"]),
        (["/p/a/x", "/q/a/x"], ["p/a/x", "q/a/x"]),
        (["/x", "/a/x"], ["x", "a/x"]),
    ],
)
def test_names_are_as_long_as_they_must_be(folders: list[str], names: list[str]) -> None:
    assert names_of(folders) == names


def test_a_folder_stands_there_once() -> None:
    with pytest.raises(InputError, match="/a/x is named twice"):
        names_of(["/a/x", "/a/y/../x"])


def config(*adapters: Path, **options: Any) -> ServeConfig:
    return ServeConfig(adapter_path=tuple(map(str, adapters)) or None, **options)


def test_only_what_is_named_can_be_asked_for(tiny_adapter: Path, other_adapter: Path) -> None:
    catalogue = Catalogue(config(tiny_adapter))
    name = tiny_adapter.name
    assert catalogue.names == [name, f"{name}:detached", f"{name}:base"]
    served = catalogue.find(f"{name}:detached")
    assert (served.adapter, served.mode) == (str(tiny_adapter), "detached")
    for other in (other_adapter.name, str(tiny_adapter), f"../{name}", ""):
        with pytest.raises(RequestError, match="there is no") as refused:
            catalogue.find(other)
        assert refused.value.status == 404


def test_a_backbone_is_served_alone(tiny_backbone: Path) -> None:
    catalogue = Catalogue(config(model=str(tiny_backbone)))
    assert catalogue.names == [tiny_backbone.name]
    assert catalogue.find(tiny_backbone.name).mode == "base"


def test_what_is_no_adapter_or_of_another_backbone_is_refused(
    tiny_adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"no adapter in .*nothing"):
        Catalogue(config(tmp_path / "nothing"))
    from mlx_lm.utils import load_config

    from shadow_mlx.checkpoints.peft import save_adapter

    backbone = write_tiny_backbone(tmp_path / "backbone", seed=5)
    save_adapter(
        tmp_path / "other", tiny_attached_model(backbone)[0], backbone=str(backbone),
        backbone_config=load_config(backbone), training={},
    )  # fmt: skip
    with pytest.raises(InputError, match="one server has one backbone"):
        Catalogue(config(tiny_adapter, tmp_path / "other"))


def test_shadows_come_and_go_over_one_backbone(tiny_adapter: Path, other_adapter: Path) -> None:
    one = config(tiny_adapter, other_adapter, max_adapters=1)
    catalogue = Catalogue(one)
    weights = Weights(one, catalogue.backbone)
    first, second = tiny_adapter.name, other_adapter.name

    def logits(name: str, busy: tuple[str, ...] = ()) -> Any:
        model = weights.model(weights.key(catalogue.find(name)), busy)
        return None if model is None else model(mx.array([[5, 6, 7]])).tolist()

    said = {name: logits(name) for name in catalogue.names}
    assert len({str(value) for value in said.values()}) == 2 * len(MODES) - 1  # base is one
    assert said[f"{first}:base"] == said[f"{second}:base"]
    assert weights.loaded == [str(other_adapter)]
    assert {name: logits(name) for name in catalogue.names} == said  # read again, each as before
    assert logits(first, busy=(str(other_adapter),)) is None  # no place while it answers
    assert logits(second, busy=(str(other_adapter),)) == said[second]
    assert logits(f"{first}:base", busy=(str(other_adapter),)) == said[f"{first}:base"]


def test_an_adapter_that_was_trained_again_is_read_again(
    tiny_adapter: Path, other_adapter: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(tiny_adapter, folder)
    one = config(folder)
    catalogue = Catalogue(one)
    weights, served = Weights(one, catalogue.backbone), catalogue.find("mine")
    before = weights.key(served)
    model = weights.model(before, ())
    assert weights.model(weights.key(served), ()) is model
    shutil.rmtree(folder)
    shutil.copytree(other_adapter, folder, copy_function=shutil.copyfile)
    after = weights.key(served)
    assert after != before
    assert weights.model(after, busy=("", str(folder))) is None  # it answers by the old ones
    assert weights.model(after, ()) is not model
