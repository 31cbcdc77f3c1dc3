from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.memory import verdict
from shadow_mlx.memory.estimate import BatchShape, MemoryEstimate, estimate
from shadow_mlx.memory.verdict import COMFORT, Fit, Suggestion, judge, suggestions

GB = 10**9
BATCH = BatchShape(8, 96, 300)


def found(peak: int, usable: int = 10 * GB) -> MemoryEstimate:
    return MemoryEstimate(
        peak, 0, 0, 0, 0, 0, 0, peak, 12 * GB, usable, BATCH, False, 7_000_000, 0.0123
    )


@pytest.mark.parametrize(
    ("peak", "fit", "sentence"),
    [
        (
            4 * GB,
            "fits",
            "Fits: about 4.0 GB of the 10.0 GB that this machine can give. It trains 7M ",
        ),
        (
            9 * GB,
            "tight",
            "Tight: about 9.0 GB of the 10.0 GB that this machine can give. It trains 7M ",
        ),
        (11 * GB, "too large", "Does not fit: needs about 11.0 GB; this machine can give 10.0 GB."),
    ],
)
def test_the_verdict_in_words(peak: int, fit: str, sentence: str) -> None:
    verdict = judge(found(peak))
    assert verdict.fit == fit
    assert verdict.sentence.startswith(sentence)


def test_what_would_make_it_fit_really_does(tiny_backbone: Path) -> None:
    config = TrainConfig(model=str(tiny_backbone), batch_size=8)
    peak = estimate(config, BATCH).peak
    shallow = estimate(dataclasses.replace(config, shadow_layers=1), BATCH).peak
    memory = int(shallow / COMFORT / 0.9) + 2  # of which 90 % can be used, rounded down
    advice = suggestions(config, BATCH, memory=memory)
    texts = [one.text for one in advice]
    assert {"--shadow-layers 1", "--batch-size 4 --grad-accumulation-steps 2"} <= {*texts}
    assert all(one.fit == "fits" and one.peak < peak for one in advice)
    rows = next(one for one in advice if "batch_size" in one.options)
    again = dataclasses.replace(config, **rows.options)
    assert estimate(again, dataclasses.replace(BATCH, rows=4, trained=150)).peak == rows.peak


def test_where_nothing_is_enough_all_of_it_together_is_told(tiny_backbone: Path) -> None:
    config = TrainConfig(model=str(tiny_backbone), batch_size=2)
    (last,) = suggestions(config, dataclasses.replace(BATCH, rows=2), memory=100_000)
    assert last.fit == "too large"
    assert last.options == {
        "batch_size": 1, "grad_accumulation_steps": 2, "grad_checkpoint": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fits", "chosen"),
    [
        (("too large", "tight", "fits", "fits"), 2),
        (("too large", "tight", "too large", "tight"), 1),  # the least change with which it runs
        (("too large",) * 4, 3),
    ],
)
def test_the_least_change_that_is_good_enough_is_chosen(
    monkeypatch: pytest.MonkeyPatch, fits: tuple[Fit, ...], chosen: int
) -> None:
    tried = [Suggestion(f"change {place}", {}, 1, fit) for place, fit in enumerate(fits)]
    rest = iter(tried)
    monkeypatch.setattr(verdict, "_tried", lambda *_: next(rest))
    monkeypatch.setattr(verdict, "_rungs", lambda *_: [verdict._Change({}, None)] * len(fits))
    assert verdict.least_of_all(TrainConfig(model="any")) is tried[chosen]
