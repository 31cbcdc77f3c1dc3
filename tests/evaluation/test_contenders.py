from __future__ import annotations

import json
from pathlib import Path

from shadow_mlx.evaluation.contenders import Contender, contenders, short_names


def _adapter(folder: Path, backbone: str) -> str:
    folder.mkdir(parents=True)
    config = {"base_model_name_or_path": backbone}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return str(folder)


def test_one_adapter_needs_no_name(tmp_path: Path) -> None:
    one = _adapter(tmp_path / "one", "sprout")
    assert contenders([one, one + "/"]) == [
        Contender("base", "base", one + "/"),
        Contender("attached", "attached", one + "/"),
        Contender("detached", "detached", one + "/"),
    ]
    assert [x.name for x in contenders([one], ["detached", "base"])] == ["base", "detached"]


def test_a_base_for_each_backbone(tmp_path: Path) -> None:
    adapters = [
        _adapter(tmp_path / "one", "sprout"),
        _adapter(tmp_path / "two", "sprout"),
        _adapter(tmp_path / "three", "other"),
    ]
    assert [x.name for x in contenders(adapters[:2], ["base", "attached"])] == [
        "base", "attached one", "attached two",
    ]  # fmt: skip
    assert [(x.name, x.adapter) for x in contenders(adapters, ["base"])] == [
        ("base sprout", adapters[0]),
        ("base other", adapters[2]),
    ]
    assert [x.name for x in contenders(adapters, ["base"], model="third")] == ["base"]


def test_without_adapters_there_is_the_base_alone() -> None:
    assert contenders([]) == [Contender("base", "base", None)]
    assert contenders([], ["attached"]) == []


def test_names_are_as_short_as_they_tell_apart() -> None:
    assert short_names(["/a/x/run", "/a/y/run"]) == {"/a/x/run": "x/run", "/a/y/run": "y/run"}
    assert short_names(["/a/run", "adapters"]) == {"/a/run": "run", "adapters": "adapters"}
    assert short_names([]) == {}


def test_adapters_of_one_backbone_follow_each_other(tmp_path: Path) -> None:
    backbones = {"one": "sprout", "two": "other", "three": "sprout"}
    adapters = [_adapter(tmp_path / name, backbone) for name, backbone in backbones.items()]
    assert [x.name for x in contenders(adapters, ["attached"])] == [
        "attached one", "attached three", "attached two",
    ]  # fmt: skip


def _lora(folder: Path, model: str, kind: str = "lora") -> str:
    folder.mkdir(parents=True)
    (folder / "adapters.safetensors").write_bytes(b"")
    config = {"fine_tune_type": kind, "model": model}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return str(folder)


def test_rivals_come_last_under_names_of_their_own(tmp_path: Path) -> None:
    one = _adapter(tmp_path / "one", "sprout")
    rivals = [_lora(tmp_path / "a", "sprout"), _lora(tmp_path / "b", "sprout", "dora"), "sprout"]
    found = contenders([one], ["attached"], rivals=[*rivals, rivals[0]])
    assert [(x.name, x.mode, x.folder) for x in found] == [
        ("attached", "attached", one),
        ("lora", "lora", rivals[0]),
        ("dora", "dora", rivals[1]),
        ("model sprout", "model", None),
    ]
    two = [rivals[0], _lora(tmp_path / "c" / "a", "sprout")]
    assert [x.name for x in contenders([one], ["base"], rivals=two)] == [
        "base", f"lora {tmp_path.name}/a", "lora c/a",
    ]  # fmt: skip


def test_a_rival_stands_on_the_backbone_that_it_was_trained_on(tmp_path: Path) -> None:
    adapters = [_adapter(tmp_path / "one", "sprout"), _adapter(tmp_path / "two", "owner/other")]
    lora, strange = _lora(tmp_path / "a", "owner/other"), _lora(tmp_path / "b", "who/knows")
    found = contenders(adapters, ["base"], rivals=[lora, strange])[2:]
    assert [(x.adapter, x.model) for x in found] == [(adapters[1], None), (adapters[0], None)]
    found = contenders(adapters, ["base"], model="named", rivals=[lora])
    assert {x.model for x in found} == {"named"}


def test_without_an_adapter_of_ours_a_rival_brings_its_backbone(tmp_path: Path) -> None:
    lora = _lora(tmp_path / "a", "sprout")
    assert [(x.name, x.model) for x in contenders([], ["base"], rivals=[lora])] == [
        ("base", "sprout"),
        ("lora", "sprout"),
    ]
    assert [(x.name, x.model) for x in contenders([], ["base"], "named", ["sprout"])] == [
        ("base", "named"),
        ("model sprout", "sprout"),
    ]
