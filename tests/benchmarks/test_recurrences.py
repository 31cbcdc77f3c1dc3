"""The comparison of two ways through a recurrence trains both, each its own way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks import recurrences
from benchmarks.memory import CASES
from shadow_mlx.backbones import recurrences as own


def test_both_ways_are_trained_and_only_one_by_chunks(
    monkeypatch: pytest.MonkeyPatch, uncompiled: None
) -> None:
    case = next(case for case in CASES if case.name.startswith("qwen 3.5"))
    small = {"hidden_size": 32, "intermediate_size": 32, "head_dim": 8, "num_hidden_layers": 3}
    text = {**case.model["text_config"], **small, "vocab_size": 64, "full_attention_interval": 3}
    text |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
    lengths: list[int] = []
    by_chunks = own._by_chunks

    def counted(q: Any, *rest: Any) -> Any:
        lengths.append(q.shape[1])
        return by_chunks(q, *rest)

    monkeypatch.setattr(own, "_by_chunks", counted)
    model = {**case.model, "vocab_size": 64, "text_config": text}
    found = recurrences.compared(replace(case, model=model, rows=1, width=20, trained=8), 1)
    assert all(pace > 0 and peak > 0 for pace, peak in found.values())
    blocks, steps = 2 + 2, 2  # of the backbone and of the mirror
    assert lengths == [20] * (blocks * steps)
