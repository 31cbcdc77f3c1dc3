"""A cache is used offline when it has what is needed, whatever else its repository lists."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache

from shadow_mlx.errors import HubError
from shadow_mlx.hub import resolving

MAIN, OTHER = "a" * 40, "b" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def put(
    cache: Path, source: Path, listed: list[str], commit: str = MAIN, main: bool = True
) -> Path:
    """A snapshot with the files of a folder, of a repository that lists more."""
    root = cache / "models--org--m"
    snapshot = root / "snapshots" / commit
    shutil.copytree(source, snapshot)
    if main:
        (root / "refs").mkdir(exist_ok=True)
        (root / "refs" / "main").write_text(commit)
    names = [path.name for path in source.iterdir()] + listed
    entries = {name: TreeCacheEntry(100, "c" * 40) for name in names}
    write_tree_cache(str(root), commit, entries)
    return snapshot


def shards(folder: Path, count: int, index: bool) -> None:
    weights = folder / "model.safetensors"
    names = [f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1)]
    for name in names:
        shutil.copy(weights, folder / name)
    weights.unlink()
    if index:
        table = {"weight_map": {str(n): name for n, name in enumerate(names)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(table))


def copy_of(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder))


@pytest.mark.parametrize(
    "listed",
    [
        ["README.md", ".gitattributes"],
        ["adapters.safetensors", "adapter_model.safetensors"],
        ["onnx/config.json", "training_args.json", "data/rows.jsonl"],
        ["pytorch_model.bin", "model.onnx", "tf_model.h5"],
        ["generation_config.json", "special_tokens_map.json"],
        ["model-fp16.safetensors"],
    ],
)
def test_files_that_are_not_here_and_not_needed(
    cache: Path, tiny_backbone: Path, listed: list[str]
) -> None:
    snapshot = put(cache, tiny_backbone, listed)
    assert resolving.resolve_model("org/m") == snapshot
    assert resolving.resolve_tokenizer("org/m") == snapshot
    assert resolving.resolve_config("org/m") == snapshot


@pytest.mark.parametrize("index", [True, False])
def test_shards_are_needed_all(
    cache: Path, tiny_backbone: Path, tmp_path: Path, index: bool
) -> None:
    source = copy_of(tiny_backbone, tmp_path / "source")
    shards(source, 3, index)
    snapshot = put(cache, source, ["README.md"])
    assert resolving.resolve_model("org/m") == snapshot
    (snapshot / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(HubError, match="not in the local hub cache"):
        resolving.resolve_model("org/m")
    assert resolving.resolve_tokenizer("org/m") == snapshot


def broken_link(snapshot: Path) -> None:
    (snapshot / "model.safetensors").unlink()
    (snapshot / "model.safetensors").symlink_to(snapshot / "gone")


@pytest.mark.parametrize(
    "damage",
    [
        lambda snapshot: (snapshot / "config.json").unlink(),
        lambda snapshot: (snapshot / "model.safetensors").unlink(),
        lambda snapshot: (snapshot / "model.safetensors.index.json").write_text("{"),
        lambda snapshot: (snapshot / "model.safetensors.index.json").write_text(
            '{"weight_map": 3}'
        ),
        broken_link,
    ],
)
def test_what_cannot_be_done_without(
    cache: Path, tiny_backbone: Path, damage: Callable[[Path], object]
) -> None:
    damage(put(cache, tiny_backbone, []))
    with pytest.raises(HubError, match="not in the local hub cache"):
        resolving.resolve_model("org/m")


def test_another_revision_is_better_than_none(cache: Path, tiny_backbone: Path) -> None:
    older = put(cache, tiny_backbone, [], OTHER, main=False)
    assert resolving.resolve_model("org/m") == older  # no main revision at all
    newer = put(cache, tiny_backbone, [])
    assert resolving.resolve_model("org/m") == newer
    (newer / "model.safetensors").unlink()
    assert resolving.resolve_model("org/m") == older


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nothing", b"../../etc"])
def test_a_damaged_record_of_revisions(cache: Path, tiny_backbone: Path, content: bytes) -> None:
    snapshot = put(cache, tiny_backbone, [])
    (cache / "models--org--m" / "refs" / "main").write_bytes(content)
    assert resolving.resolve_model("org/m") == snapshot


def test_a_dataset_is_needed_whole(cache: Path, tmp_path: Path) -> None:
    root = cache / "datasets--org--d"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(MAIN)
    (root / "snapshots" / MAIN).mkdir(parents=True)
    (root / "snapshots" / MAIN / "train.jsonl").write_text('{"text": "x"}\n')
    names = ["train.jsonl", "valid.jsonl"]
    write_tree_cache(str(root), MAIN, {name: TreeCacheEntry(9, "c" * 40) for name in names})
    with pytest.raises(HubError, match="not in the local hub cache"):
        resolving.resolve_dataset("org/d")
