"""What came of an export, an import and an upload, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.worker import messages as m
from tui.views import delivery
from tui.views.delivery import WAYS

FIGURES: dict[str, Any] = {
    "folder": "phone", "parameters": 1_033_280, "bytes": 4_133_120, "tokens": [2048, 2048],
    "added_blocks": 0, "apart": 4.2e-7, "not_for_transformers": None,
}  # fmt: skip


def test_an_export_says_where_how_large_and_how_it_is_run() -> None:
    found = delivery.exported(m.Exported(1, "model", FIGURES))
    assert found.lines == (
        "✔ exported into phone",
        "1,033,280 parameters · 4.1 MB",
        "checked: its logits are 4e-07 from the detached model's",
    )
    assert found.command == "mlx_lm.generate --model phone --prompt '…'"
    assert (found.folder, found.good) == ("phone", True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": [662, 2048]}, "662 of 2,048 tokens are kept"),
        ({"added_blocks": 5}, "5 blocks of zeros"),
        ({"apart": None}, "quantized: its answers may differ"),
        ({"not_for_transformers": "it is quantized"}, "not for transformers: it is quantized"),
        ({"bytes": 3_200_000_000}, "3.20 GB"),
    ],
)
def test_what_stands_out_is_said(change: dict[str, Any], said: str) -> None:
    lines = delivery.exported(m.Exported(1, "model", FIGURES | change)).lines
    assert sum(said in line for line in lines) == 1


def test_a_command_is_for_a_shell() -> None:
    found = delivery.exported(m.Exported(1, "model", FIGURES | {"folder": "my phone"}))
    assert found.command == "mlx_lm.generate --model 'my phone' --prompt '…'"
    assert delivery.imported(m.Imported(1, "a b")).command.endswith("/a b'")


def test_an_adapter_for_others_is_no_model() -> None:
    found = delivery.exported(m.Exported(1, "peft", {"folder": "for-peft"}))
    assert found.lines == ("✔ exported into for-peft", "the adapter, as peft opens it")
    assert found.command == ""


def test_folders_are_named_as_one_would_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    found = delivery.imported(m.Imported(1, str(tmp_path / "mine")))
    assert found.lines[0] == "✔ imported: mine"
    assert found.command == "shadow-mlx chat --adapter-path mine"


def test_an_upload_says_where_it_lies_or_that_it_does_not() -> None:
    reply = m.Published(1, "a/b", "model", {"x": 900, "y": 100}, [], "", "https://hub/a/b")
    found = delivery.published(reply)
    assert found.lines == ("✔ uploaded: https://hub/a/b", "model · 2 files, 1.0 kB")
    assert found.command == "mlx_lm.generate --model a/b --prompt '…'"
    adapter = m.Published(1, "a/b", "adapter", {"x": 900}, [], "", "https://hub/a/b")
    assert delivery.published(adapter).command == ""
    found = delivery.published(m.Published(1, "a/b", "model", {"x": 900}, [], ""))
    assert found.lines == ("· nothing was uploaded; it would be 1 file, 0.9 kB to a/b",)


def test_a_failure_and_a_stop_are_not_good() -> None:
    failed = delivery.failed("the disk is full\nmake room")
    assert (failed.lines, failed.good) == (("✘ the disk is full", "make room"), False)
    assert delivery.stopped(WAYS["push"]).lines == ("■ stopped; nothing was uploaded",)
    assert delivery.stopped(WAYS["export"]).lines == ("■ stopped; nothing was written",)
    assert delivery.outcome(m.Done(1)) is None


def test_steps_are_done_but_the_last_one() -> None:
    assert delivery.steps([]) == ""
    assert delivery.steps(["reading", "writing"]) == "✔ reading\n… writing"


def test_each_way_is_known_by_its_first_letter_and_all_but_the_server_ask_the_worker() -> None:
    assert len({name[0] for name in WAYS}) == len(WAYS)
    assert [way.name for way in WAYS.values() if way.request is None] == ["serve"]
    for way in WAYS.values():
        if way.request is not None:
            assert m.decode(m.encode(way.request(1, way.group().to_mapping()))).id == 1


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ("---\ntags:\n- a\n---\n# T\n", "```yaml\ntags:\n- a\n```\n# T\n"),
        ("# T\n---\nx\n---\n", "# T\n---\nx\n---\n"),
        ("---\nnever ends", "---\nnever ends"),
        ("", ""),
    ],
)
def test_the_front_of_a_card_is_no_heading(card: str, shown: str) -> None:
    assert delivery.card_as_markdown(card) == shown


def test_files_stand_below_each_other() -> None:
    reply = m.Published(1, "a/b", "model", {"x": 900, "longer": 1_200_000}, [], "")
    assert delivery.files(reply) == "x           0.9 kB\nlonger      1.2 MB"
