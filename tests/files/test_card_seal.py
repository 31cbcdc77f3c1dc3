"""A card of ours is known, and one changed letter makes it a person's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.checkpoints.card import model_card
from shadow_mlx.checkpoints.record import AdapterRecord
from shadow_mlx.config import ShadowConfig
from shadow_mlx.files.card_seal import is_own_card, may_write_card, sealed

TRAINING = {"step": 40, "seconds": 1.5, "validation_loss": None}
RECORDS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "peft"),
    ({}, {"backbone_name": "org/model", "training": TRAINING}, "peft"),
    ({"sharing": "layer"}, {"backbone_name": "/models/x", "training": TRAINING}, "peft"),
    ({"shadow": "some/shadow"}, {"training": TRAINING}, "peft"),
    ({}, {"not_for_peft": "its shadow has a type of its own", "training": TRAINING}, "peft"),
    ({}, {"training": TRAINING}, "original"),
]


@pytest.mark.parametrize(("options", "record", "variant"), RECORDS)
@pytest.mark.parametrize("seal", [sealed, str], ids=["sealed", "of a former version"])
def test_cards_of_ours_are_known_until_they_are_changed(tmp_path, options, record, variant, seal):
    card = seal(model_card(AdapterRecord(ShadowConfig(**options), **record), 1234, variant))
    path = tmp_path / "README.md"
    path.write_text(card, encoding="utf-8")
    assert is_own_card(path)
    added = "\nMy notes: this one is good.\n"
    changed = [card + added, added + card, card.replace("## With shadow-mlx", added + "## With")]
    for text in changed:
        path.write_text(text, encoding="utf-8")
        assert not is_own_card(path)
        assert not may_write_card(path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_sealed_card_is_anothers_after_any_change(tmp_path: Path, data: st.DataObject) -> None:
    card = sealed("# A card\n\nwords\n")
    at = data.draw(st.integers(0, len(card)))
    put = data.draw(st.text(max_size=5))
    changed = card[:at] + put + card[at + data.draw(st.integers(0, 5)) :]
    path = tmp_path / "README.md"
    path.write_bytes(changed.encode())
    assert is_own_card(path) == (changed in ("", card))


def test_what_is_no_file_stays(tmp_path):
    path = tmp_path / "README.md"
    assert may_write_card(path)
    (tmp_path / "card").write_text(sealed("x"))
    path.symlink_to(tmp_path / "card")
    assert not may_write_card(path)
    path.unlink()
    path.mkdir()
    assert not may_write_card(path)
    path.rmdir()
    path.write_bytes(b"\xff\xfe")
    assert not may_write_card(path)
