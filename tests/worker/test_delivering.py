"""Export, import and upload over the wire, with a real adapter and a stand-in hub."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker.delivering import serve
from tests.hub_uploads import fake_uploads
from tests.worker.test_main import last_replies


def replies(request: m.Request) -> tuple[list[str], m.Reply]:
    """What was done, and the reply that ends it; as they come over the wire."""
    sent: list[m.Reply] = []
    sent.extend(serve(request, sent.append, StopToken()))
    for reply in sent:
        assert type(m.decode(m.encode(reply))) is type(reply)
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


def test_without_a_card_there_is_none_to_show(tiny_adapter: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_adapter, tmp_path / "bare")
    (folder / "README.md").unlink()
    found = push(folder, dry_run=True)
    assert found.card == ""
    assert any("no model card" in note for note in found.notes)


def test_what_is_uploaded_is_what_was_shown(
    tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process of its own: the hub's client reads its settings when it is imported."""
    shown = push(tiny_adapter, dry_run=True)
    with fake_uploads() as hub:
        for name, value in {
            "HF_HOME": str(tmp_path / "home"),
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_DISABLE_XET": "1",
        }.items():
            monkeypatch.setenv(name, value)
        options = {"folder": str(tiny_adapter), "repo": "me/robot", "private": True}
        hub_says = last_replies(["-m", "shadow_mlx.worker"], m.Push(1, options))[1]
        assert isinstance(hub_says, m.Published)
        assert hub_says.address == f"{hub.url}/me/robot"
        assert (hub_says.files, hub_says.card) == (shown.files, shown.card)
        sizes = {name: len(content) for name, content in hub.committed["me/robot"].items()}
        assert sizes == shown.files
        assert hub.created[0]["visibility"] == "private"
        monkeypatch.setenv("HF_TOKEN", "hf_mayReadOnly")
        refused = last_replies(["-m", "shadow_mlx.worker"], m.Push(1, options))[1]
        assert isinstance(refused, m.Failed)
        assert not refused.bug
        assert "hf auth login" in refused.message


def test_an_export_that_is_stopped_leaves_nothing(tiny_adapter: Path, tmp_path: Path) -> None:
    options = {"adapter_path": str(tiny_adapter), "output": str(tmp_path / "place" / "out")}
    (tmp_path / "place").mkdir()
    stopped = [m.Export(1, options), m.Stop(2, 1)]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(m.encode(stopped[0]))
        process.stdin.flush()
        while m.decode(process.stdout.readline()) != m.Progress(1, "reading it back"):
            pass
        process.stdin.write(m.encode(stopped[1]))
        process.stdin.flush()
        assert m.decode(process.stdout.readline()) == m.Done(1)
        process.stdin.close()
    assert list((tmp_path / "place").iterdir()) == []


SLOW = """
import runpy, sys, threading
from shadow_mlx.export import exporting
exporting._checked = lambda *_, **__: threading.Event().wait()
sys.argv = ["worker"]
runpy.run_module("shadow_mlx.worker", run_name="__main__")
"""
"""A worker that waits for ever, as for a network, while it reads a written model back."""
