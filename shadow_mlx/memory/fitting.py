"""``train --auto``: settings with which a run fits this machine, found before it begins."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from shadow_mlx import words
from shadow_mlx.config import TrainConfig
from shadow_mlx.memory.report import report
from shadow_mlx.memory.verdict import Suggestion, least_of_all


@dataclass(frozen=True)
class Fitted:
    """A run's options, changed as little as is enough, and the sentence that says how."""

    config: TrainConfig
    sentence: str


def fitted(config: TrainConfig, *, memory: int | None = None) -> Fitted:
    """Smaller batches, accumulated; then recomputed activations; then shorter examples.

    What accumulation and recomputation change is time, not what is learnt.

    Args:
        config: The run's options.
        memory: Bytes of the machine; found out if it is not named.

    Raises:
        InputError: Model, data and options do not fit together.
        HubError: The hub cannot be reached.
    """
    found = report(config, memory=memory)
    if found.verdict.fit == "fits":
        return Fitted(found.config, f"--auto: nothing to change. {found.verdict.sentence}")
    batch = None if found.estimate.assumed else found.estimate.batch
    best = least_of_all(found.config, batch, memory=memory)
    if best is None:
        return Fitted(found.config, f"--auto: nothing helps. {found.verdict.sentence}")
    config = dataclasses.replace(found.config, **best.options)
    return Fitted(config, f"--auto: {_words(best, found.estimate.usable)}")


def _words(best: Suggestion, usable: int) -> str:
    peak = f"about {words.size(best.peak, 1)} of {words.size(usable, 1)}"
    if best.fit == "fits":
        return f"{best.text} ({peak})"
    return f"{best.text}, and even so it does not fit with room to spare ({peak})"
