"""Every family: rows of two shadows and of the bare backbone in one batch, each as it is alone."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from shadow_mlx.backbones.twin import twin
from shadow_mlx.generation.decode import new_cache
from shadow_mlx.serving.lanes import MixedLane, Order
from shadow_mlx.serving.mixed import BARE, MixedModel
from tests.architectures.matrix import (
    BY_NAME,
    TOLERANCE,
    attach_tiny,
    build,
    difference,
    greedy_alone,
    perturb,
    tokens,
)

PROMPTS = [tokens(length, seed=length)[0].tolist() for length in (3, 11, 7, 5, 9)]
STEPS = 4


@pytest.mark.parametrize("name", [n for n, f in BY_NAME.items() if f.unbatched is None])
def test_rows_of_all_kinds_are_answered_as_each_alone(name: str) -> None:
    base = build(BY_NAME[name].config)
    models: dict[str, Any] = {BARE: base}
    mixed = MixedModel(base)
    for layers in (1, 2):
        model = attach_tiny(BY_NAME[name], twin(base), shadow_layers=layers)
        perturb(model.shadow, seed=layers, scale=0.1)
        models[f"{layers}"] = model.eval()
        mixed.join(f"{layers}", model)
    lane = MixedLane(mixed, [], 8)
    whose = [list(models)[i % 3] for i in range(len(PROMPTS))]
    for number, (one, prompt) in enumerate(zip(whose, PROMPTS, strict=True)):
        caches = new_cache(models[one])
        likeliest = lambda logprobs: mx.argmax(logprobs, axis=-1)  # noqa: E731 - of one line
        order = Order(tuple(prompt), 0, caches, STEPS, likeliest, lambda held: [], adapter=one)
        lane.add(number, order)
    told: dict[int, list[tuple[int, Any]]] = {}
    while len(lane):
        for token in lane.step():
            told.setdefault(token.order, []).append((token.token, token.logprobs))
    for number, (one, prompt) in enumerate(zip(whose, PROMPTS, strict=True)):
        alone = greedy_alone(models[one], prompt, STEPS)
        assert [token for token, _ in told[number]] == [token for token, _ in alone]
        for (_, found), (_, expected) in zip(told[number], alone, strict=True):
            assert difference(found, expected) < TOLERANCE
