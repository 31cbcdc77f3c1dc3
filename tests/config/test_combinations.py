"""What cannot be had together is told by its flags; each option alone is fine."""

from __future__ import annotations

from typing import Any

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError

TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"iters": 10, "epochs": 2.0}, "--iters and --epochs"),
    ({"patience": 2, "val_batches": 0}, "--patience needs validation"),
    ({"packing": True, "on_policy": 0.5, "distill_weight": 1.0}, "--packing and --on-policy"),
    ({"auto": True, "parallel": "tensor"}, "--auto reckons with one machine"),
    ({"shadow_start": "even", "shadow": "some/model"}, "--shadow-start: an explicit --shadow"),
    ({"hidden_blocks": "4,x"}, "--hidden-blocks: expected last, even, or numbers"),
    ({"hidden_blocks": "even"}, "--hidden-blocks: nothing is pulled to them"),
    ({"hidden_weight": 1.0, "teacher": "base", "teacher_top": 8}, "--hidden-weight and --teacher-"),
    ({"draft_weight": 1.0, "teacher": "base"}, "--draft-weight and --teacher"),
    ({"draft_weight": 1.0, "freeze": "shadow"}, "--draft-weight and --freeze shadow"),
    ({"teacher": "base", "distill_weight": 0.0}, "--teacher: there is no teacher"),
    ({"on_policy": 0.5}, "--on-policy: a teacher scores what the shadow writes"),
    ({"answers": "missing"}, "--answers missing: nobody is there to write them"),
    ({"objective": "pretrain", "freeze": "adapter"}, "--freeze: pretraining trains the shadow"),
    ({"teacher_top": 8}, "--teacher-top: the attached model changes"),
    ({"on_policy": 0.5, "teacher": "base", "teacher_top": 8}, "--on-policy and --teacher-top"),
    (
        {"on_policy": 0.5, "distill_weight": 1.0, "freeze": "shadow"},
        "--on-policy and --freeze shadow",
    ),
]


@pytest.mark.parametrize(("options", "told"), TOGETHER, ids=[told for _, told in TOGETHER])
def test_the_flags_are_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TrainConfig(**options)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"packing": True},
        {"on_policy": 0.5, "draft_weight": 1.0},
        {"hidden_blocks": "4,8", "hidden_weight": 1.0, "teacher": "base"},
        {"teacher": "base", "teacher_top": 8},
        {"freeze": "adapter", "draft_weight": 1.0},
        {"answers": "missing", "teacher": "some/adapter"},
    ],
    ids=str,
)
def test_what_goes_together_is_taken(options: dict[str, Any]) -> None:
    made = TrainConfig(**options)
    assert {name: getattr(made, name) for name in options} == options


def test_several_findings_come_together() -> None:
    with pytest.raises(ConfigError) as refused:
        TrainConfig(iters=10, epochs=2.0, patience=2, val_batches=0)
    assert "--iters and --epochs" in str(refused.value)
    assert "--patience" in str(refused.value)
