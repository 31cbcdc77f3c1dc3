"""``--packing``: several examples in a row, where whatever reads them can keep them apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import mlx.core as mx

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.shared_rows import (
    Starts,
    check_shared_rows,
    positions_alike,
    shared_row_caches,
)
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.packing import PackedPlan
from shadow_mlx.errors import ConfigError, UnsupportedArchitectureError
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import Distillation, Divergence, HeadTeacher

States = Callable[[mx.array, Starts | None], mx.array]
"""Token ids and the starts of examples to hidden states, ``[B, T]`` to ``[B, T, D]``."""


def packed(
    plan: BatchPlan, model: AttachedModel, distillation: Distillation | Divergence | None
) -> PackedPlan:
    """The plan of the same examples in shared rows.

    Args:
        plan: Of rows that are one example each.
        model: What is trained.
        distillation: Its teacher.

    Raises:
        ConfigError: A network that reads the rows cannot keep their examples apart.
    """
    readers: dict[str, tuple[States, int | None]] = {
        name: _reading(decoder) for name, decoder in _decoders(model).items()
    }
    teacher = distillation.teacher if isinstance(distillation, Distillation) else None
    if isinstance(teacher, HeadTeacher):
        readers["the teacher"] = partial(_taught, teacher, model), None
    for name, (states, alike) in readers.items():
        try:
            check_shared_rows(states, alike)
        except UnsupportedArchitectureError as error:
            raise _refusal(name, error) from error
    limits = [alike for _, alike in readers.values() if alike is not None]
    made = PackedPlan(
        plan.dataset,
        plan.batch_size,
        seed=plan.seed,
        shuffle=plan.shuffle,
        rank=plan.rank,
        world=plan.world,
    )
    made.alike = min(limits, default=None)
    return made


def check_kinds(model: AttachedModel) -> None:
    """Refuse what can be refused without weights: networks that keep more than keys and values.

    Raises:
        ConfigError: One of them does.
    """
    for name, decoder in _decoders(model).items():
        try:
            shared_row_caches(decoder.model, mx.zeros((1, 1), mx.int32))
        except UnsupportedArchitectureError as error:
            raise _refusal(name, error) from error


def _decoders(model: AttachedModel) -> dict[str, Decoder]:
    network = model.shadow.backbone.decoder
    return {
        f"the backbone ({model.decoder.name})": model.decoder,
        f"the shadow's network ({network.name})": network,
    }


def _refusal(name: str, error: UnsupportedArchitectureError) -> ConfigError:
    return ConfigError(
        f"--packing: {name} cannot keep the examples of a row apart: {error}. Leave --packing out"
    )


def _reading(decoder: Decoder) -> tuple[States, int | None]:
    """How a decoder reads rows, and the tokens of a row whose places mean the same to it."""

    def states(inputs: mx.array, starts: Starts | None) -> mx.array:
        return decoder.final_hidden(inputs, shared_row_caches(decoder.model, starts))

    return states, positions_alike(decoder)


def _taught(
    teacher: HeadTeacher, model: AttachedModel, inputs: mx.array, starts: Starts | None
) -> mx.array:
    return teacher.states(model, inputs, (), starts)[0]
