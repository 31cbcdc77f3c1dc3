"""When two vocabularies contradict each other."""

from __future__ import annotations

from shadow_mlx.backbones.vocabularies import conflicts


def test_markers_that_one_of_them_has_alone_contradict_nothing() -> None:
    both = {"a": 0, "b": 1}
    assert conflicts(both, both, {}) == []
    assert conflicts(both, both | {"<think>": 2}, {"<think>": 2}) == []
    assert conflicts(both | {"<tool>": 2}, both, {"<tool>": 2}) == []
    other = conflicts(both | {"<tool>": 2}, both | {"<think>": 2}, {"<tool>": 2, "<think>": 2})
    assert other == ["number 2 is '<tool>' there and '<think>' here"]
    assert conflicts(both, both | {"ab": 2}, {}) == ["'ab' is not known there"]
    assert conflicts(both | {"ab": 2}, both, {}) == ["'ab' is not known here"]
    assert conflicts({"a": 1, "b": 0}, both, {})[0] == "'a' is number 1 there and 0 here"
