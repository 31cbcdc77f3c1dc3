"""Every family: gradients reach all that is trained, with and without recomputation."""

from __future__ import annotations

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.shadow.attached import AttachedModel
from tests.architectures.matrix import (
    BY_NAME,
    LENGTH,
    TOLERANCE,
    attach_tiny,
    build,
    difference,
    perturb,
    tokens,
)

# Which experts or keys are chosen is a matter of order, which has no gradient: what only enters
# the choice (DeepSeek's correction of an expert's score, its indexer of keys) is not trained.
CHOOSERS = ("e_score_correction_bias", "expert_bias", "router_bias", ".indexer.")
# The scale of the mirror's last layer is taken out again by the norm behind it: what is left of its
# gradient is how sums are rounded.
TAKEN_OUT = "shadow.backbone.inner.layers.1.layer_scalar"
AUX_WEIGHT = 0.3
# The gradient of a single number is one sum over all places, in which most cancels out: what is
# left is compared in float64, which MLX has on a CPU.
CANCELLING = ("apertus",)


def loss(model: AttachedModel) -> mx.array:
    """Equations 8 and 9 on one row of random tokens."""
    targets = tokens(LENGTH, seed=9)
    h, s0 = model.hidden(tokens(LENGTH, seed=8))
    attached, shadow = (
        nn.losses.cross_entropy(model.head(x), targets, reduction="mean") for x in (h, s0)
    )
    return attached + AUX_WEIGHT * shadow


@pytest.mark.parametrize("name", BY_NAME)
def test_gradients_reach_every_trained_tensor(name: str) -> None:
    family = BY_NAME[name]
    model = attach_tiny(family, build(family.config), sharing="layer")
    perturb(model.shadow, seed=2, scale=0.2)
    model.train()
    if name in CANCELLING and mx.default_device().type == mx.DeviceType.cpu:
        model.set_dtype(mx.float64)
    gradients = _gradients(model)
    assert gradients.keys() == dict(tree_flatten(model.trainable_parameters())).keys()
    last = f"shadow.layers.{len(model.layers) - 1}."
    idle = (f"{last}transform.", f"{last}gate.")  # the last state never meets a block
    for key, gradient in gradients.items():
        assert bool(mx.isfinite(gradient).all()), key
        if key.startswith(idle) or any(part in key for part in CHOOSERS):
            assert not bool(gradient.any()), key
        else:
            assert bool(gradient.any()), key
    model.recompute_activations()
    for key, gradient in _gradients(model).items():
        if bool(gradients[key].any()) and key != TAKEN_OUT:
            assert difference(gradient, gradients[key]) < TOLERANCE, key


def _gradients(model: AttachedModel) -> dict[str, mx.array]:
    _, gradients = nn.value_and_grad(model, loss)(model)
    mx.eval(gradients)
    return dict(tree_flatten(gradients))
