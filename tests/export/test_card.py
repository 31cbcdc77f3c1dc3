"""The card of an exported model says what it is, and nothing of this machine."""

from __future__ import annotations

from typing import Any

from shadow_mlx.checkpoints.record import AdapterRecord
from shadow_mlx.config import ShadowConfig
from shadow_mlx.export.card import Facts, exported_card


def card(backbone: str = "mlx-community/Qwen3-0.6B-4bit", **changes: Any) -> str:
    record = AdapterRecord(
        ShadowConfig(shadow_layers=1), backbone, training={"validation_loss": 0.123456789}
    )
    facts = {
        "record": record, "config": {"model_type": "qwen3"}, "parameters": 1234, "bytes": 2_500_000,
        "added": 0, "own_head": False, "tokens": (9, 9), "template": {}, "measured": "",
    }  # fmt: skip
    return exported_card(Facts(**(facts | changes)))


def test_a_plain_one() -> None:
    text = card()
    assert "base_model: mlx-community/Qwen3-0.6B-4bit" in text
    assert "1,234 parameters, 2 MB" in text
    assert "## With transformers" in text
    assert "| validation loss | 0.123457 |" in text
    for word in ("zeros", "matrix of its own", "tokens, those", "Measured", "chat template used"):
        assert word not in text


def test_everything_that_is_not_plain_is_said() -> None:
    text = card(
        added=4,
        own_head=True,
        tokens=(5, 9),
        template={"thinking": "off"},
        measured="| model | exact |",
        config={"model_type": "jamba"},
    )
    for said in ("The last 4 of its layers are zeros", "folded in", "5 of its backbone's 9 tokens",
                 '`{"thinking": "off"}`', "## Measured\n\n| model | exact |"):  # fmt: skip
        assert said in text
    assert "## With transformers" not in text


def test_no_path_of_this_machine() -> None:
    text = card("/home/somebody/models/tiny")
    assert "/home" not in text
    assert "# A small model from tiny" in text
    assert "base_model" not in text
