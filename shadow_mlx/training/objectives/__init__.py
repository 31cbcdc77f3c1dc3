"""What a run can train for: one objective to a module."""

from __future__ import annotations

import mlx.core as mx

from shadow_mlx.config import TrainConfig
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.distillation import Distillation, Divergence, HeadTeacher
from shadow_mlx.training.hidden_states import hidden_targets
from shadow_mlx.training.losses import Supervised
from shadow_mlx.training.objective import Objective, Ramp
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.objectives.pretraining import Pretraining


def objective_of(
    config: TrainConfig, distillation: Distillation | Divergence | None, model: AttachedModel
) -> Objective:
    """What the options ask for.

    Args:
        config: The settled options.
        distillation: What they say of a teacher.
        model: What is trained.

    Raises:
        ConfigError: ``--hidden-blocks`` names blocks that the teacher does not have.
        UnsupportedArchitectureError: The states behind single blocks of one of the models cannot
            be taken.
    """
    weights = _ramp(config.aux_weight, config.aux_end), _ramp(config.teaching, config.distill_end)
    hidden = hidden_targets(
        config, layers=len(model.shadow.backbone.layers), blocks=_blocks(distillation, model)
    )
    made: Objective
    if config.objective == "pretrain":
        assert not isinstance(distillation, Divergence)  # nothing is attached that could teach
        made = Pretraining(weights[0], distillation, weights[1], hidden, config.draft_weight)
    else:
        made = FineTuning(weights[0], distillation, weights[1], hidden, config.draft_weight)
    if hidden:  # traced, never evaluated: what cannot be computed is told before the first step
        made(model, _two_tokens(), differentiable=False)
    return made


def _blocks(distillation: Distillation | Divergence | None, model: AttachedModel) -> int:
    """Of the teacher, where it is one that answers while training."""
    teacher = distillation.teacher if isinstance(distillation, Distillation) else None
    return teacher.blocks if isinstance(teacher, HeadTeacher) else len(model.layers)


def _two_tokens() -> Supervised:
    one = mx.ones(1)
    return Supervised(mx.zeros((1, 2), mx.int32), *(mx.zeros(1, mx.int32),) * 2, one, one)


def _ramp(start: float, end: float | None) -> Ramp:
    return Ramp(start, start if end is None else end)
