"""The loss of a model, whatever is known of its insides."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest

from shadow_mlx.backbones.reference import Reference
from shadow_mlx.config import DataConfig
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.errors import Interrupted
from shadow_mlx.evaluation.scoring import mean_loss, perplexity
from shadow_mlx.loading import load
from shadow_mlx.runs.events import StopToken


class Opaque(nn.Module):
    """A model of which nothing is known but that it gives logits."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.hidden = Reference(model)

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        logits: mx.array = self.hidden.module(inputs, cache)
        return logits


@pytest.fixture
def base(tiny_backbone: Path, chats: Path) -> tuple[Any, EncodedDataset]:
    model, tokenizer = load(tiny_backbone, None, "base")
    return model, encode_all(JsonLines(chats), Encoder(tokenizer, DataConfig()))


def test_a_model_without_a_decoder_that_we_know_has_the_same_loss(
    base: tuple[Any, EncodedDataset],
) -> None:
    model, dataset = base
    assert mean_loss(Opaque(model), dataset) == pytest.approx(mean_loss(model, dataset), rel=1e-5)


def test_it_is_the_cross_entropy_of_each_supervised_token(
    base: tuple[Any, EncodedDataset],
) -> None:
    model, dataset = base
    losses: list[float] = []
    for example in dataset:
        tokens, trained = example.tokens, example.supervised
        logits = model(mx.array(tokens[None, :-1]))[0]
        each = nn.losses.cross_entropy(logits, mx.array(tokens[1:]))
        losses += [float(each[j].item()) for j in range(len(tokens) - 1) if trained[j + 1]]
    assert mean_loss(model, dataset) == pytest.approx(sum(losses) / len(losses), rel=1e-5)


def test_it_can_be_stopped(base: tuple[Any, EncodedDataset]) -> None:
    stop = StopToken()
    stop.stop()
    with pytest.raises(Interrupted):
        mean_loss(*base, stop=stop)


def test_a_perplexity_beyond_every_float_is_infinite() -> None:
    assert perplexity(0.0) == 1.0
    assert perplexity(1e6) == math.inf
