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
