"""How much of what the shadow drafts the attached model would refuse.

A token that is drawn from q and judged by p is accepted with probability
``Σ min(p, q) = 1 − TV(p, q)`` (Leviathan et al. 2023, arXiv 2211.17192), and total variation is one
of the measures that drafts can be trained by (Zhou et al. 2023, arXiv 2310.08461). The negative
logarithm of what is accepted has a gradient where total variation has next to none: where nearly
all is refused.

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
        still = mx.stop_gradient(q)
        accepted = mx.logsumexp(mx.minimum(p, still), axis=-1, keepdims=True)
        # of Σ min(p, q) the gradient by log q is q where q is less; differentiated step by step it
        # would keep three arrays as large as the logits
        slope = mx.where(still < p, mx.exp(still - accepted), 0.0)
        return -accepted[:, 0] - (slope * (q - still)).sum(-1)
