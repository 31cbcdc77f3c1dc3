"""How much of what the shadow drafts the attached model would refuse.

A token that is drawn from q and judged by p is accepted with probability
``Σ min(p, q) = 1 − TV(p, q)`` (Leviathan et al. 2023, arXiv 2211.17192); training drafts for it
instead of a divergence is of Zhou et al. 2023 (DistillSpec, arXiv 2310.08461). The negative
logarithm has a gradient where total variation has next to none: where nearly all is refused.

p teacher · q student (the shadow)
"""

from __future__ import annotations

from dataclasses import dataclass

import mlx.core as mx
from jaxtyping import Float32

from shadow_mlx.training.distillation import Distance


@dataclass(frozen=True)
class Rejection(Distance):
    """``−log Σ min(p, q)``, in nats for each position.

    Attributes:
        temperature: τ.
    """

    temperature: float = 1.0

    def _of(
        self, p: Float32[mx.array, "rows outcomes"], q: Float32[mx.array, "rows outcomes"]
    ) -> Float32[mx.array, " rows"]:
        return -mx.logsumexp(mx.minimum(p, q), axis=-1)
