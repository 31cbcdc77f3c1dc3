"""What a run can train for: one objective to a module."""

from __future__ import annotations

from shadow_mlx.config import TrainConfig
from shadow_mlx.training.distillation import Distillation, Divergence
from shadow_mlx.training.objective import Objective, Ramp
from shadow_mlx.training.objectives.fine_tuning import FineTuning
from shadow_mlx.training.objectives.pretraining import Pretraining


def objective_of(config: TrainConfig, distillation: Distillation | Divergence | None) -> Objective:
    """What the options ask for; ``distillation`` is what they say of a teacher."""
    weights = _ramp(config.aux_weight, config.aux_end), _ramp(config.teaching, config.distill_end)
    if config.objective == "pretrain":
        assert not isinstance(distillation, Divergence)  # nothing is attached that could teach
        return Pretraining(weights[0], distillation, weights[1], config.hidden_weight)
    return FineTuning(weights[0], distillation, weights[1], config.hidden_weight)


def _ramp(start: float, end: float | None) -> Ramp:
    return Ramp(start, start if end is None else end)
