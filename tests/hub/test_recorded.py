"""A backbone that was moved is found beside its adapter, or named as the adapter's record."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.errors import HubError, ModelError
from shadow_mlx.hub import resolving
from shadow_mlx.loading import load_model


@pytest.fixture
def tree(
    tmp_path: Path, tiny_backbone: Path, tiny_adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """``models/m`` and ``runs/a``, which records it; the working folder is another, empty one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shutil.copytree(tiny_backbone, tmp_path / "tree" / "models" / "m")
    shutil.copytree(tiny_adapter, tmp_path / "tree" / "runs" / "a")
    return tmp_path / "tree"


def record(adapter: Path, name: str) -> Path:
    path = adapter / "adapter_config.json"
    values: dict[str, Any] = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "base_model_name_or_path": name}))
    return adapter


@pytest.mark.parametrize(
    "name",
    [
        "../../models/m",
        "models/m",
        "/somewhere/else/tree/models/m",
        "/data/models/m",
        "~/models/m",
    ],
)
def test_a_tree_that_was_moved_as_a_whole(tree: Path, name: str) -> None:
    adapter = record(tree / "runs" / "a", name)
    found = resolving.choose_model(None, adapter)
    assert Path(found.name).resolve() == tree / "models" / "m"
    assert load_model(None, adapter).model_type == "qwen3"


def test_the_working_folder_comes_first(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(tree / "models", tree / "here" / "models")
    monkeypatch.chdir(tree / "here")
    adapter = record(tree / "runs" / "a", "models/m")
    assert (
        Path(resolving.choose_model(None, adapter).name).absolute()
        == tree / "here" / "models" / "m"
    )


LOST = [
    "/nowhere/x", "../x", "./x", "~/x", "~nobody/x", "x", "y" * 300, "a" * 5000 + "/b", "org/none",
    "/c/hub/models--org--none/snapshots/" + "a" * 40,
]  # fmt: skip


def says_whose(message: str, adapter: Path, name: str) -> None:
    wanted = f"the adapter {adapter} records the backbone {name}, which is not there; "
    assert wanted + "name it with --model" in message
    assert "\n" not in message.strip()


@pytest.mark.parametrize("name", LOST)
def test_the_record_is_named_and_the_way_out(tree: Path, name: str) -> None:
    adapter = record(tree / "runs" / "a", name)
    with pytest.raises((ModelError, HubError)) as refused:
        load_model(None, adapter)
    says_whose(str(refused.value), adapter, name)
    assert load_model(tree / "models" / "m", adapter).model_type == "qwen3"


@pytest.mark.parametrize(
    "command",
    [
        ["generate", "-p", "hello"],
        ["generate", "--base", "-p", "hello"],
        ["generate", "--detached", "-p", "hello"],
        ["chat"],
        ["compare", "--data", "DATA"],
        ["info"],
    ],
)
@pytest.mark.parametrize("name", ["/nowhere/x", "org/none"])
def test_every_command_says_it(
    tree: Path,
    command: list[str],
    name: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapter = record(tree / "runs" / "a", name)
    data = tree / "d.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n')
    words = [str(data) if word == "DATA" else word for word in command]
    where = [str(adapter)] if command == ["info"] else ["--adapter-path", str(adapter)]
    assert main([*words, *where]) in (0, 2, 3)
    says_whose(" ".join(capsys.readouterr().err.splitlines()) + caplog.text.strip(), adapter, name)


def cut_short(adapter: Path) -> list[Callable[[], None]]:
    """What a kill inside a save can leave at the top of a folder."""
    config, weights = adapter / "adapter_config.json", adapter / "adapter_model.safetensors"
    return [
        config.unlink,
        weights.unlink,
        lambda: weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0"),
        lambda: os.truncate(weights, 100),
        lambda: config.write_text(config.read_text()[:50]),
        lambda: (config.unlink(), weights.unlink()),  # type: ignore[list-item]
    ]


@pytest.mark.parametrize("number", range(6))
def test_a_torn_adapter_gives_way_to_the_last_whole_checkpoint(
    tree: Path, number: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = record(tree / "runs" / "a", "../../models/m")
    checkpoints = adapter / "run" / "checkpoints"
    for step in ("step-000009", "step-000010", ".step-000011.tmp"):
        shutil.copytree(adapter, checkpoints / step, ignore=shutil.ignore_patterns("run"))
    os.truncate(checkpoints / ".step-000011.tmp" / "adapter_model.safetensors", 5)
    cut_short(adapter)[number]()
    assert load_model(None, adapter).model_type == "qwen3"
    assert f"{checkpoints / 'step-000010'} is used" in caplog.text
    os.truncate(checkpoints / "step-000010" / "adapter_model.safetensors", 5)
    assert main(["generate", "--adapter-path", str(adapter), "-p", "hello", "-m", "2"]) == 0
    assert f"{checkpoints / 'step-000009'} is used" in caplog.text
    assert main(["info", str(adapter), "--json"]) == 0
