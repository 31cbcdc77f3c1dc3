"""What cannot carry a shadow says why in one sentence, and is left as it was."""

from __future__ import annotations

import mlx.core as mx
import pytest

from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.shadow.attached import attach
from tests.architectures.matrix import build, tokens
from tests.architectures.refused import REFUSED, Refused


@pytest.mark.parametrize("architecture", REFUSED, ids=lambda a: a.name)
def test_the_refusal_says_why_and_leaves_the_backbone_alone(architecture: Refused) -> None:
    backbone = build(architecture.config)
    before = backbone(tokens(5))
    with pytest.raises(UnsupportedArchitectureError) as refusal:
        attach(backbone, architecture.config, ShadowConfig())
    assert str(refusal.value) == (
        f"{architecture.name} cannot carry a shadow: {architecture.reason}"
    )
    assert mx.array_equal(backbone(tokens(5)), before)
