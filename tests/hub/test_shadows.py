"""``--shadow`` by a hub id: an adapter's repository, or a model's, from a stand-in hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.config import ExportConfig
from shadow_mlx.export.projected import export_projected
from tests.hub.test_resolving import ask, unused_url
from tests.hub_server import FakeHub, fake_hub
from tests.tiny import write_tiny_backbone
from tests.training.conftest import write_chats

ADAPTER = "resolving.resolve_adapter('owner/shadow', flag='--shadow')"


@pytest.fixture
def server(tiny_backbone: Path, tiny_adapter: Path, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub with two backbones, an adapter of the first, and its shadow as a model."""
    shadow = shutil.copytree(tiny_adapter, tmp_path / "shadow-repository")
    settings = shadow / "adapter_config.json"
    record = json.loads(settings.read_text())
    settings.write_text(json.dumps(record | {"base_model_name_or_path": "owner/first"}))
    projected = tmp_path / "projected-repository"
    export_projected(ExportConfig(adapter_path=str(tiny_adapter), output=str(projected)))
    with fake_hub() as running:
        running.repos |= {
            "models/owner/first": tiny_backbone,
            "models/owner/second": write_tiny_backbone(
                tmp_path / "second-repository", seed=3, hidden_size=48
            ),
            "models/owner/shadow": shadow,
            "models/owner/projected": projected,
        }
        yield running


def test_an_adapters_repository_is_told_from_a_models(server: FakeHub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = "resolving.resolve_adapter('owner/projected', flag='--shadow')"
    adapter, model, missing = ask(home, server.url, ADAPTER, asked, ADAPTER.replace("sh", "no", 1))
    names = {path.name for path in Path(adapter).iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors"}
    assert model == "None"
    assert missing.startswith("ModelError 2: owner/noadow: no such model on the hub")
    fetched = [path for path in server.asked if "projected" in path and "safetensors" in path]
    assert not fetched  # its settings tell what it is
    server.asked.clear()
    assert ask(home, server.url, ADAPTER, asked) == [adapter, "None"]
    assert server.asked == []
    assert ask(home, unused_url(), ADAPTER, offline=True) == [adapter]


def run(home: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HF_HOME": str(home),
        "HF_ENDPOINT": url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-m", "shadow_mlx", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("shadow", "model"),
    [
        ("owner/shadow", "owner/first"),
        ("owner/shadow", "owner/second"),
        ("owner/projected", "owner/second"),
    ],
)
def test_a_training_begins_with_what_the_hub_has(
    server: FakeHub, tmp_path: Path, shadow: str, model: str
) -> None:
    data, output = write_chats(tmp_path / "chats.jsonl", count=12), tmp_path / "adapters"
    home, given = tmp_path / "home", ["--model", model, "--shadow", shadow, "--data", str(data)]
    given += ["--max-seq-length", "64", "--batch-size", "2"]
    estimated = run(home, server.url, "estimate", *given, "--json")
    assert estimated.returncode == 0, estimated.stderr
    if shadow == "owner/projected":
        assert not any(shadow in path and "safetensors" in path for path in server.asked)
    trained = run(
        home, server.url, "train", *given, "--iters", "1", "--adapter-path", str(output),
        "--val-batches", "0",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    record = json.loads((output / "adapter_config.json").read_text())
    mirrored = (shadow, model) == ("owner/shadow", "owner/first")
    assert record["shadow_model"] == ("mirror" if mirrored else shadow)
    told = "begins as the least squares" in trained.stderr
    assert told == (model == "owner/second")
    events = (output / "run" / "events.jsonl").read_text().splitlines()
    [started] = [one for one in map(json.loads, events) if "trainable_parameters" in one]
    found = json.loads(estimated.stdout)["estimate"]["trained"]
    assert found == started["trainable_parameters"]
