"""Everything that a person wants to know of a run's memory, in one answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.hub import resolving
from shadow_mlx.memory.estimate import MemoryEstimate, estimate
from shadow_mlx.memory.measure import DataBatch, batch_of_data
from shadow_mlx.memory.verdict import Suggestion, Verdict, judge, suggestions
from shadow_mlx.training.model import pretrained_shadow


@dataclass(frozen=True)
class MemoryReport:
    """An estimate and what it means.

    Attributes:
        config: The run's options, the backbone named.
        estimate: Its memory.
        verdict: Whether this machine can give it.
        notes: What a person should know of how it was found.
    """

    config: TrainConfig
    estimate: MemoryEstimate
    verdict: Verdict
    notes: list[str]

    def advice(self) -> list[Suggestion]:
        """Settings that would make the run fit, if it does not; takes several estimates' time."""
        if self.verdict.fit == "fits":
            return []
        batch = None if self.estimate.assumed else self.estimate.batch
        return suggestions(self.config, batch, machines=self.estimate.machines)


def report(
    config: TrainConfig,
    largest: Callable[[TrainConfig], DataBatch] = batch_of_data,
    *,
    memory: int | None = None,
    machines: int = 1,
) -> MemoryReport:
    """Estimate a run's memory.

    Args:
        config: The run's options; without a model, the default one is taken.
        largest: Finds the largest batch of the data, once the model is known.
        memory: Bytes of the machine; found out if it is not named.
        machines: How many like it the backbone is split over.

    Raises:
        InputError: Model, data and options do not fit together.
        HubError: The hub cannot be reached.
    """
    notes = []
    if config.model is None:
        begun = config.init_adapter or pretrained_shadow(config.part(ShadowConfig))
        choice = resolving.choose_model(None, begun)
        notes.append(f"backbone: {choice.name} ({choice.reason})")
        config = dataclasses.replace(config, model=choice.name)
    batch = largest(config)
    notes += [batch.note] if batch.note else []
    found = estimate(config, batch.shape, memory=memory, machines=machines)
    return MemoryReport(config, found, judge(found), notes)
