"""Pretraining: what is never computed."""

from __future__ import annotations

import pytest

from shadow_mlx.backbones.wrapping import ShadowBlock
from shadow_mlx.training.losses import supervised
from shadow_mlx.training.objectives.pretraining import Pretraining
from tests.training.batches import make_batch, naive_losses


def test_without_a_teacher_the_backbones_blocks_do_not_run(make_model, monkeypatch):
    model = make_model()
    monkeypatch.setattr(ShadowBlock, "__call__", lambda *_, **__: pytest.fail("a block ran"))
    value, losses = Pretraining(1.0)(model, supervised(make_batch()), differentiable=True)
    assert tuple(losses) == ("loss",)
    assert value.item() == losses["loss"].item()
    monkeypatch.undo()
    assert value.item() == pytest.approx(naive_losses(model, make_batch())[1].item(), rel=1e-6)
