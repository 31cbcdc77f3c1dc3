"""Export, import and upload over the wire, with a real adapter and a stand-in hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.errors import HubError, InputError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker.delivering import serve
from tests.hub_uploads import Uploads, fake_uploads


def replies(request: m.Request) -> tuple[list[str], m.Reply]:
    """What was done, and the reply that ends it; both as they come over the wire."""
    sent: list[m.Reply] = []
    sent.extend(serve(request, sent.append, StopToken()))
    for reply in sent:
        assert m.decode(m.encode(reply)) == m.decode(m.encode(reply))
        assert reply.id == request.id
    assert [m.is_final(reply) for reply in sent] == [False] * (len(sent) - 1) + [True]
    return [one.what for one in sent if isinstance(one, m.Progress)], sent[-1]


def test_a_model_is_exported_step_by_step(tiny_adapter: Path, tmp_path: Path) -> None:
    options = {"adapter_path": str(tiny_adapter), "output": str(tmp_path / "out")}
    said, reply = replies(m.Export(1, options))
    assert said == ["reading the shadow", "writing", "reading it back"]
    assert isinstance(reply, m.Exported)
    assert reply.to == "model"
    assert reply.figures["folder"] == str(tmp_path / "out")
    weights = tmp_path / "out" / "model.safetensors"
    assert 0 < reply.figures["bytes"] <= weights.stat().st_size
    assert reply.figures["apart"] < 1e-4


def test_an_adapter_goes_out_for_others_and_comes_back(tiny_adapter: Path, tmp_path: Path) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    options = {"adapter_path": str(tiny_adapter), "output": str(out), "to": "peft"}
    _, reply = replies(m.Export(1, options))
    assert isinstance(reply, m.Exported)
    assert (reply.to, reply.figures) == ("peft", {"folder": str(out)})
    said, imported = replies(m.Import(2, {"source": str(out), "adapter_path": str(back)}))
    assert said == ["reading the adapter"]
    assert imported == m.Imported(2, str(back))
    name = "adapter_model.safetensors"
    assert (back / name).read_bytes() == (tiny_adapter / name).read_bytes()


@pytest.mark.parametrize(
    "request_",
    [
        m.Export(1, {"adapter_path": "nowhere"}),
        m.Export(1, {"q_bits": 7}),
        m.Import(1, {}),
        m.Push(1, {"folder": "nowhere", "repo": "a/b"}),
        m.Push(1, {}),
    ],
)
def test_what_is_wrong_is_told(
    request_: m.Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        replies(request_)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Uploads]:
    with fake_uploads() as running:
        for name, value in {
            "HF_ENDPOINT": running.url,
            "HF_TOKEN": running.token,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "NO_PROXY": "127.0.0.1",
        }.items():
            monkeypatch.setenv(name, value)
        yield running


def push(folder: Path, **options: Any) -> m.Published:
    _, reply = replies(m.Push(1, {"folder": str(folder), "repo": "me/robot", **options}))
    assert isinstance(reply, m.Published)
    return reply


def test_a_dry_run_shows_files_and_card(tiny_adapter: Path) -> None:
    found = push(tiny_adapter, dry_run=True)
    assert found.address is None
    assert found.kind == "adapter"
    assert found.files == {name: (tiny_adapter / name).stat().st_size for name in found.files}
    assert found.card == (tiny_adapter / "README.md").read_text(encoding="utf-8")
    assert json.loads((tiny_adapter / "adapter_config.json").read_text())["peft_type"] == "SHADOW"


def test_without_a_card_there_is_none_to_show(tiny_adapter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_adapter, tmp_path / "bare")
    (folder / "README.md").unlink()
    found = push(folder, dry_run=True)
    assert found.card == ""
    assert any("no model card" in note for note in found.notes)
