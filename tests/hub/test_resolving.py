"""Model and dataset names, against a stand-in hub on this machine.

huggingface_hub reads its settings once, when it is imported: what talks to the stand-in runs in a
process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.config import DEFAULT_HUB_MODEL
from shadow_mlx.errors import DataError, ModelError
from shadow_mlx.hub import resolving
from tests.hub_server import FakeHub, fake_hub

RUNNER = """
import json, sys
from shadow_mlx.hub import resolving
from shadow_mlx.errors import ShadowMLXError
answers = []
for code in json.loads(sys.argv[1]):
    try:
        answers.append(str(eval(code)))
    except ShadowMLXError as error:
        answers.append(f"{type(error).__name__} {error.exit_code}: {error}")
print(json.dumps(answers))
"""


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with fake_hub() as running:
        yield running


def ask(home: Path, url: str, *calls: str, offline: bool = False) -> list[str]:
    """What each call of ``resolving`` gives in a process that talks to the hub at ``url``."""
    environment = {
        **os.environ,
        "HF_HOME": str(home),
        "HF_ENDPOINT": url,
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(calls)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert isinstance(answers, list)
    return answers


def unused_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_a_model_is_fetched_once_without_code_and_then_used_offline(
    server: FakeHub, tiny_backbone: Path, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(tiny_backbone, remote)
    (remote / "modeling_evil.py").write_text("raise SystemExit")
    (remote / "pytorch_model.bin").write_text("duplicate")
    server.repos["models/owner/tiny"] = remote
    home = tmp_path / "home"
    [first] = ask(home, server.url, "resolving.resolve_model('owner/tiny')")
    names = {p.name for p in Path(first).iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    server.asked.clear()
    assert ask(home, server.url, "resolving.resolve_model('owner/tiny')") == [first]
    assert server.asked == []  # what is cached completely is not asked for again
    assert ask(home, unused_url(), "resolving.resolve_model('owner/tiny')", offline=True) == [first]


def test_a_tokenizer_is_fetched_without_the_weights(
    server: FakeHub, tiny_backbone: Path, tmp_path: Path
) -> None:
    server.repos["models/owner/tiny"] = tiny_backbone
    home = tmp_path / "home"
    [folder] = ask(home, server.url, "resolving.resolve_tokenizer('owner/tiny')")
    names = {p.name for p in Path(folder).iterdir()}
    assert names == {"config.json", "tokenizer.json", "tokenizer_config.json"}
    assert not any("safetensors" in path for path in server.asked)
    server.asked.clear()
    assert ask(home, server.url, "resolving.resolve_tokenizer('owner/tiny')") == [folder]
    assert server.asked == []
    assert ask(home, server.url, "resolving.resolve_model('owner/tiny')") == [folder]
    assert (Path(folder) / "model.safetensors").is_file()


def test_of_a_model_that_is_only_estimated_the_configuration_is_fetched(
    server: FakeHub, tiny_backbone: Path, tmp_path: Path
) -> None:
    server.repos["models/owner/tiny"] = tiny_backbone
    home = tmp_path / "home"
    [first] = ask(home, server.url, "resolving.resolve_config('owner/tiny')")
    assert [p.name for p in Path(first).iterdir()] == ["config.json"]
    server.asked.clear()
    assert ask(home, server.url, "resolving.resolve_config('owner/tiny')") == [first]
    assert server.asked == []
    # the whole model is still fetched when it is needed, and then serves both
    assert ask(home, server.url, "resolving.resolve_model('owner/tiny')") == [first]
    assert (Path(first) / "model.safetensors").is_file()
    assert ask(home, unused_url(), "resolving.resolve_config('owner/tiny')", offline=True) == [
        first
    ]


def test_an_incomplete_download_is_completed(
    server: FakeHub, tiny_backbone: Path, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(tiny_backbone, remote)
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (remote / "model.safetensors").rename(remote / shards[0])
    shutil.copy(remote / shards[0], remote / shards[1])
    index = {"weight_map": {"a": shards[0], "b": shards[1]}}
    (remote / "model.safetensors.index.json").write_text(json.dumps(index))
    server.repos["models/owner/tiny"] = remote
    home = tmp_path / "home"
    [folder] = ask(home, server.url, "resolving.resolve_model('owner/tiny')")
    (Path(folder) / shards[1]).unlink()
    assert ask(home, server.url, "resolving.resolve_model('owner/tiny')") == [folder]
    assert (Path(folder) / shards[1]).is_file()


def test_ids_that_do_not_exist_are_gated_or_cannot_be_reached(
    server: FakeHub, tiny_backbone: Path, tmp_path: Path
) -> None:
    server.repos["models/owner/closed"] = tiny_backbone
    server.gated.add("models/owner/closed")
    missing, gated, data = ask(
        tmp_path,
        server.url,
        "resolving.resolve_model('owner/missing')",
        "resolving.resolve_model('owner/closed')",
        "resolving.resolve_dataset('owner/missing')",
    )
    assert missing.startswith("ModelError 2: owner/missing: no such model on the hub")
    assert gated.startswith("HubError 3: owner/closed: the model is gated; accept its terms")
    assert data.startswith("DataError 2: owner/missing: no such dataset on the hub")
    server.broken = True
    [broken] = ask(tmp_path, server.url, "resolving.resolve_model('owner/tiny')")
    assert broken.startswith("HubError 3: owner/tiny: not in the local hub cache, and the hub")
    [nobody] = ask(tmp_path, unused_url(), "resolving.resolve_model('owner/tiny')")
    assert nobody.startswith("HubError 3: owner/tiny: not in the local hub cache, and the hub")
    [offline] = ask(tmp_path, server.url, "resolving.resolve_model('owner/tiny')", offline=True)
    assert "HF_HUB_OFFLINE is set" in offline
    for message in (missing, gated, data, broken, nobody, offline):
        assert "\n" not in message


def test_a_full_disk_is_said(server: FakeHub, tiny_backbone: Path, tmp_path: Path) -> None:
    server.repos["models/owner/tiny"] = tiny_backbone
    code = (
        "(setattr(__import__('huggingface_hub'), 'snapshot_download', lambda *a, **k:"
        " (_ for _ in ()).throw(OSError(28, 'No space left on device'))),"
        " __import__('shadow_mlx.hub.snapshots').hub.snapshots.snapshot('owner/tiny', 'model', []))"
    )
    [said] = ask(tmp_path, server.url, code)
    assert said.startswith("HubError 3: owner/tiny: the disk is full")


def test_datasets_need_a_train_file(server: FakeHub, tmp_path: Path) -> None:
    for name, where in (("top", "."), ("inner", "data")):
        folder = tmp_path / name / where
        folder.mkdir(parents=True)
        (folder / "train.jsonl").write_text('{"text": "x"}\n')
        (tmp_path / name / "README.md").write_text("names labels, perhaps")
        server.repos[f"datasets/owner/{name}"] = tmp_path / name
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_text("parquet only")
    server.repos["datasets/owner/other"] = tmp_path / "other"
    top, inner, other = ask(
        tmp_path / "home",
        server.url,
        *(f"resolving.resolve_dataset('owner/{name}')" for name in ("top", "inner", "other")),
    )
    assert (Path(top) / "train.jsonl").is_file()
    assert inner.endswith("/data")
    for folder in (Path(top), Path(inner).parent):
        assert (folder / "README.md").read_text() == "names labels, perhaps"
    assert other.startswith("DataError 2: --data owner/other: the dataset has no train.jsonl")


def test_the_default_model_is_the_hub_s_when_it_answers_or_is_cached(
    server: FakeHub, tiny_backbone: Path, tmp_path: Path
) -> None:
    server.repos[f"models/{DEFAULT_HUB_MODEL}"] = tiny_backbone
    answers, _ = ask(
        tmp_path,
        server.url,
        "resolving.choose_model()",
        f"resolving.resolve_model('{DEFAULT_HUB_MODEL}')",
    )
    assert DEFAULT_HUB_MODEL in answers
    assert "the hub has it" in answers
    [cached] = ask(tmp_path, unused_url(), "resolving.choose_model()", offline=True)
    assert "in the local hub cache" in cached


def test_the_default_model_is_sprout_when_the_hub_does_not_answer(tmp_path: Path) -> None:
    [nobody] = ask(tmp_path, unused_url(), "resolving.choose_model()")
    assert nobody.startswith("ModelChoice(name='sprout'")
    assert DEFAULT_HUB_MODEL in nobody
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        [waited] = ask(
            tmp_path, url, "setattr(resolving, 'ANSWER_SECONDS', 0.3) or resolving.choose_model()"
        )
    assert waited.startswith("ModelChoice(name='sprout'")


def test_order_of_the_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = tmp_path / "adapters"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/own"}')
    monkeypatch.setenv("SHADOW_MLX_MODEL", "owner/named")
    assert resolving.choose_model("owner/given", adapter).name == "owner/given"
    assert resolving.choose_model(None, adapter).name == "owner/own"
    choice = resolving.choose_model(None, None)
    assert (choice.name, choice.by_default) == ("owner/named", True)
    monkeypatch.delenv("SHADOW_MLX_MODEL")
    offline = resolving.choose_model(None, None)  # as all tests are
    assert (offline.name, offline.by_default) == ("sprout", True)
    assert "HF_HUB_OFFLINE is set" in offline.reason


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"base_model_name_or_path": 3}'])
def test_an_adapter_that_names_no_backbone(tmp_path: Path, content: str) -> None:
    (tmp_path / "adapter_config.json").write_text(content)
    assert resolving.adapter_backbone(tmp_path) is None
    assert resolving.adapter_backbone(tmp_path / "none") is None


def test_local_folders(tiny_backbone: Path) -> None:
    assert resolving.resolve_model(str(tiny_backbone)) == tiny_backbone


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p.write_text("x"), "a file; expected a model's folder"),
        (lambda p: None, "no such folder"),
        (lambda p: p.mkdir(), "no config.json"),
        (lambda p: (p.mkdir(), (p / "config.json").write_text("{")), "not valid JSON"),
        (lambda p: (p.mkdir(), (p / "config.json").write_text("[]")), "expected an object"),
        (
            lambda p: (p.mkdir(), (p / "adapter_config.json").write_text("{}")),
            "give it as --adapter-path",
        ),
        (
            lambda p: (
                p.mkdir(),
                (p / "config.json").write_text("{}"),
                (p / "pytorch_model.bin").write_text(""),
            ),
            r"no model\*\.safetensors .*found pytorch_model\.bin",
        ),
        (
            lambda p: (p.mkdir(), (p / "config.json").write_text('{"model_file": "evil.py"}')),
            "code of its own .evil.py.*--trust-remote-code",
        ),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, make: object, says: str) -> None:
    path = tmp_path / "model"
    make(path)  # type: ignore[operator]
    with pytest.raises(ModelError, match=says):
        resolving.resolve_model(str(path))


def test_trusted_code_is_let_through(tiny_backbone: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_backbone, tmp_path / "own")
    (tmp_path / "own" / "config.json").write_text('{"model_file": "mine.py"}')
    assert (
        resolving.resolve_model(str(tmp_path / "own"), trust_remote_code=True) == tmp_path / "own"
    )


@pytest.mark.parametrize("name", ["no_such", "a/b/c", "owner/", "", "owner/na me"])
def test_names_that_are_neither_folder_nor_id(name: str) -> None:
    with pytest.raises((ModelError, DataError)):
        resolving.resolve_model(name)
