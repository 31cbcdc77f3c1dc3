"""What an estimate means on this machine, in plain words, and which settings would make it fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx.config import TrainConfig, flag_name
from shadow_mlx.errors import ConfigError
from shadow_mlx.memory.estimate import MemoryEstimate, estimate
from shadow_mlx.memory.tracing import BatchShape

Fit = Literal["fits", "tight", "too large"]

COMFORT = 0.85
"""Share of the usable memory below which a run fits with room to spare."""

SHORTEST = 256  # tokens; shorter examples are hardly a setting one wants
FOUR_BIT: Mapping[str, Any] = {"group_size": 64, "bits": 4}
MOST_SUGGESTIONS = 4


@dataclass(frozen=True)
class Verdict:
    """Whether a run fits, and a sentence that says so."""

    fit: Fit
    sentence: str


@dataclass(frozen=True)
class Suggestion:
    """Other settings, and the peak with them, in bytes.

    ``options`` are fields of ``TrainConfig``; empty for the advice to take a quantized backbone.
    """

    text: str
    options: dict[str, Any]
    peak: int
    fit: Fit


def judge(found: MemoryEstimate) -> Verdict:
    """The verdict on an estimate, for the machine that it names."""
    fit = fit_of(found)
    peak, usable = in_words(found.peak), in_words(found.usable)
    if fit == "fits":
        return Verdict(fit, f"Fits: about {peak} of the {usable} that this machine can give.")
    if fit == "tight":
        return Verdict(
            fit,
            f"Tight: about {peak} of the {usable} that this machine can give. Close other "
            "programs first.",
        )
    return Verdict(fit, f"Does not fit: needs about {peak}, and this machine can give {usable}.")


def fit_of(found: MemoryEstimate) -> Fit:
    """How an estimate compares with the usable memory."""
    if found.peak > found.usable:
        return "too large"
    return "fits" if found.peak <= COMFORT * found.usable else "tight"


def in_words(count: int) -> str:
    """Bytes as people write them."""
    if count < 1e9:
        return f"{count / 1e6:,.0f} MB"
    return f"{count / 1e9:,.1f} GB"


def suggestions(
    config: TrainConfig, batch: BatchShape | None = None, *, memory: int | None = None
) -> list[Suggestion]:
    """Settings with which a run that does not fit would, each with its own estimated peak.

    One change at a time where one is enough, the cheapest in quality and time first; else all
    changes together, which may still not fit.

    Args:
        config: The run's options.
        batch: Its largest batch, as for :func:`~shadow_mlx.memory.estimate.estimate`.
        memory: See there.
    """
    found: list[Suggestion] = []
    tried: list[Suggestion] = []
    for change in _changes(config, batch):
        suggestion = _try(config, change, memory)
        if suggestion is None:
            continue
        tried.append(suggestion)
        known = {one.text.split(" ")[0] for one in found}
        if suggestion.fit == "fits" and suggestion.text.split(" ")[0] not in known:
            found.append(suggestion)
    if found:
        return found[:MOST_SUGGESTIONS]
    return sorted(tried, key=lambda one: one.peak)[:1]


@dataclass(frozen=True)
class _Change:
    options: dict[str, Any]
    batch: BatchShape | None
    quantization: Mapping[str, Any] | None = None


def _changes(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    """From the cheapest in quality and time to the dearest, and then together."""
    if not config.grad_checkpoint:
        yield _Change({"grad_checkpoint": True}, batch)
    rows = config.batch_size
    while rows > 1:
        rows //= 2
        yield _Change(*_smaller_batch(config, batch, rows))
    if config.shadow_config.shadow == "mirror" and config.shadow_hidden_size is None:
        ...
    yield _Change({}, batch, FOUR_BIT)
    yield from _shorter(config, batch)
