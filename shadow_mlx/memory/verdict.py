"""What an estimate means on this machine, in plain words, and which settings would make it fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shadow_mlx import words
from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError, ModelError
from shadow_mlx.memory.estimate import MemoryEstimate, estimate
from shadow_mlx.memory.tracing import BatchShape

Fit = Literal["fits", "tight", "too large"]

COMFORT = 0.85
"""Share of the usable memory below which a run fits with room to spare."""

SHORTEST = 128  # tokens; below that, most examples would be cut
FOUR_BIT: Mapping[str, Any] = {"group_size": 64, "bits": 4}


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


@dataclass(frozen=True)
class _Change:
    """Options to change, the largest batch with them, and whether the backbone is quantized."""

    options: dict[str, Any]
    batch: BatchShape | None
    quantized: bool = False


def judge(found: MemoryEstimate) -> Verdict:
    """The verdict on an estimate, for the machine that it names."""
    fit = fit_of(found)
    needs, given = words.size(found.peak, 1), words.size(found.usable, 1)
    which = "this machine"
    if found.machines > 1:
        needs = f"{needs} on each of {found.machines} machines"
        which = "one like this"
    shadow = f"It trains {words.number(found.trained)} parameters ({found.share:.2%})."
    if fit == "too large":
        problem = f"Does not fit: needs about {needs}; {which} can give {given}."
        return Verdict(fit, f"{problem} {shadow}")
    what = f"about {needs} of the {given} that {which} can give. {shadow}"
    if fit == "fits":
        return Verdict(fit, f"Fits: {what}")
    return Verdict(fit, f"Tight: {what} Close other programs first.")


def fit_of(found: MemoryEstimate) -> Fit:
    """How an estimate compares with the usable memory."""
    if found.peak > found.usable:
        return "too large"
    return "fits" if found.peak <= COMFORT * found.usable else "tight"


def suggestions(
    config: TrainConfig,
    batch: BatchShape | None = None,
    *,
    memory: int | None = None,
    machines: int = 1,
) -> list[Suggestion]:
    """Settings with which a run that does not fit would, each with its own estimated peak.

    One kind of change at a time where that is enough, as little of it as is enough, the cheapest
    in quality and time first. If none is, the cheap ones together, which may still not fit.

    Args:
        config: The run's options.
        batch: Its largest batch, as for :func:`~shadow_mlx.memory.estimate.estimate`.
        memory: See there.
        machines: See there.
    """
    found = []
    kinds = (_recompute, _shallower_shadow, _fewer_rows, _four_bits, _narrower_shadow, _shorter)
    for kind in kinds:
        if (suggestion := _least(config, list(kind(config, batch)), memory, machines)) is not None:
            found.append(suggestion)
    if found:
        return found
    for quantized in (False, True):
        last = least_of_all(config, batch, quantized=quantized, memory=memory, machines=machines)
        if last is not None and last.fit == "fits":
            break
    return [last] if last is not None else []


def least_of_all(
    config: TrainConfig,
    batch: BatchShape | None = None,
    *,
    quantized: bool = False,
    memory: int | None = None,
    machines: int = 1,
) -> Suggestion | None:
    """The first rung of a ladder with which a run fits.

    Where none is enough, the first with which it is tight; and else the last.

    Args:
        config: The run's options.
        batch: As for :func:`suggestions`.
        quantized: Whether the backbone is taken to have 4 bits.
        memory: As for :func:`suggestions`.
        machines: As for :func:`suggestions`.
    """
    tight = last = None
    for change in _rungs(config, batch):
        change = dataclasses.replace(change, quantized=quantized)
        if (tried := _tried(config, change, memory, machines)) is None:
            continue
        if tried.fit == "fits":
            return tried
        last = tried
        if tried.fit == "tight":
            tight = tight or tried
    return tight or last


def _least(
    config: TrainConfig, changes: list[_Change], memory: int | None, machines: int
) -> Suggestion | None:
    """The first change that is enough; the last one, which changes most, tells whether any is."""
    most = _tried(config, changes[-1], memory, machines) if changes else None
    if most is None or most.fit != "fits":
        return None
    for change in changes[:-1]:
        suggestion = _tried(config, change, memory, machines)
        if suggestion is not None and suggestion.fit == "fits":
            return suggestion
    return most


def _tried(
    config: TrainConfig, change: _Change, memory: int | None, machines: int
) -> Suggestion | None:
    """What a change gives; ``None`` if this backbone does not take it."""
    try:
        found = estimate(
            dataclasses.replace(config, **change.options),
            change.batch,
            quantization=FOUR_BIT if change.quantized else None,
            memory=memory,
            machines=machines,
        )
    except (ConfigError, ModelError):
        return None
    return Suggestion(_described(change), change.options, found.peak, fit_of(found))


def _described(change: _Change) -> str:
    flags = [
        "--" + name.replace("_", "-") + ("" if value is True else f" {value}")
        for name, value in change.options.items()
    ]
    backbone = ["a 4-bit backbone (mlx_lm.convert -q)"] if change.quantized else []
    return " and ".join([*([" ".join(flags)] if flags else []), *backbone])


def _recompute(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    if not config.grad_checkpoint:
        yield _Change({"grad_checkpoint": True}, batch)


def _fewer_rows(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    """Half the batch, accumulated over twice as many, as often as it can be halved."""
    rows, accumulated = config.batch_size, config.grad_accumulation_steps
    while rows > 1 and rows % 2 == 0:
        rows, accumulated = rows // 2, accumulated * 2
        options = {"batch_size": rows, "grad_accumulation_steps": accumulated}
        yield _Change(options, _scaled(batch, rows / config.batch_size))


def _four_bits(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    yield _Change({}, batch, quantized=True)


def _shallower_shadow(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    if config.shadow == "mirror" and config.layers > 1:
        yield _Change({"shadow_layers": 1}, batch)


def _narrower_shadow(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    if config.shadow != "mirror":
        return
    for width in (1024, 512, 256):
        if width < (config.shadow_hidden_size or width + 1):
            yield _Change({"shadow_hidden_size": width}, batch)


def _shorter(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    length = config.max_seq_length // 2
    while length >= SHORTEST:
        if batch is None:
            yield _Change({"max_seq_length": length}, None)
        elif length - 1 < batch.width:
            width = -(-(length - 1) // 8) * 8
            trained = min(batch.trained, batch.rows * (length - 1))
            shape = dataclasses.replace(batch, width=width, trained=trained)
            yield _Change({"max_seq_length": length}, shape)
        length //= 2


def _rungs(config: TrainConfig, batch: BatchShape | None) -> Iterator[_Change]:
    """Every change on top of those before it: rows, recomputed activations, rows again, length."""
    rows = list(_fewer_rows(config, batch))
    yield from rows[:2]
    recomputed = {} if config.grad_checkpoint else {"grad_checkpoint": True}
    last = _Change({}, batch)
    for change in rows[1:] or rows or [last]:
        last = dataclasses.replace(change, options={**change.options, **recomputed})
        yield last
    shorter = dataclasses.replace(config, **last.options)
    for change in _shorter(shorter, last.batch):
        yield dataclasses.replace(change, options={**last.options, **change.options})


def _scaled(batch: BatchShape | None, share: float) -> BatchShape | None:
    if batch is None:
        return None
    # of a row that several examples share, the width stays: the longest may be alone in it
    rows, trained = (max(1, round(count * share)) for count in (batch.rows, batch.trained))
    return dataclasses.replace(batch, rows=rows, trained=trained)
