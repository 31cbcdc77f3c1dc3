"""What is said of a model."""

from __future__ import annotations

import dataclasses

import pytest

from shadow_mlx import machine
from shadow_mlx.worker.messages import Models, ModelView
from tui.views.models_view import facts, matching, offered, room, table, verdict

MODEL = ModelView("a/b", "hub", "a/b", "qwen3", "4-bit", 4_000_000_000, True)


def test_it_says_what_is_known_and_whether_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_of_machine", lambda: 16_000_000_000)
    assert offered(MODEL) == "4.00 GB · 4-bit · qwen3 · ✔ fits"
    sizes = {10_000_000_000: "! tight", 15_000_000_000: "✘ too large", 0: ""}
    for size, said in sizes.items():
        assert verdict(dataclasses.replace(MODEL, size_bytes=size)) == said
    other = dataclasses.replace(MODEL, size_bytes=0, supported=False, reason="not\x1b[ known")
    assert offered(other) == "size unknown · 4-bit · qwen3 · ✘ not␛[ known"


def test_models_are_found_by_any_of_what_is_said_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_of_machine", lambda: 16_000_000_000)
    other = dataclasses.replace(MODEL, name="c", path="models/c", size_bytes=15_000_000_000)
    not_ours = dataclasses.replace(MODEL, name="d", where="folder", supported=False)
    all_of_them = [MODEL, other, not_ours]
    for wanted, found in {
        "": all_of_them,
        "QWEN3": all_of_them,
        "fits": [MODEL],
        "large models/": [other],
        "folder not": [not_ours],
        "a/b folder fits": [],
    }.items():
        assert matching(all_of_them, wanted) == found, wanted


def test_the_room_on_the_disk() -> None:
    both = Models(1, [], 4_250_000_000, 81_340_000_000)
    assert room(both) == "Fetched models take 4.25 GB · 81.3 GB free on their disk"
    assert room(Models(1, [], 4_250_000_000)) == "Fetched models take 4.25 GB"
    none = room(Models(1, [], 0, 900_000_000))
    assert none == "No model is fetched yet · 900 MB free on their disk"


def test_beside_the_list_stands_what_it_leaves_out() -> None:
    models = [MODEL, dataclasses.replace(MODEL, name="\x1b[1m", quantization="", supported=False)]
    titles, rows = table(models, beside=False)
    assert list(map(str, titles)) == ["Model", "Size", "Weights", "Architecture", "Where", "Here"]
    assert list(map(str, rows[0]))[:5] == ["a/b", "4.00 GB", "4-bit", "qwen3", "hub"]
    titles, rows = table(models, beside=True)
    assert list(map(str, titles)) == ["Model", "Size", "Here"]
    assert list(map(str, rows[1])) == ["␛[1m", "4.00 GB", "✘ not supported"]
    assert dict(facts(MODEL))["weights"] == "4-bit"
    assert "weights" not in dict(facts(models[1]))
