from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from shadow_mlx import loading
from shadow_mlx.backbones.twin import twin
from shadow_mlx.generation.decode import new_cache
from shadow_mlx.serving.lanes import MixedLane, Order
from shadow_mlx.serving.mixed import BARE, MixedModel, ShadowRows
from shadow_mlx.shadow.attached import AttachedModel
from tests.architectures.matrix import TOLERANCE, difference, greedy_alone

PROMPTS = [(5, 6, 7), tuple(range(3, 30)), (9, 8, 7, 6), (4,) * 11, (3, 4), tuple(range(8, 20))]
STEPS = 6


@pytest.fixture
def models(tiny_adapter: Path, other_adapter: Path) -> dict[str, Any]:
    """The bare backbone and two adapters of different shapes on it."""
    name = loading.backbone_name(None, tiny_adapter)
    base, config, _ = loading.load_backbone(name)
    base.eval()
    found: dict[str, Any] = {BARE: base}
    for adapter in (tiny_adapter, other_adapter):
        found[str(adapter)] = loading.attach_adapter(adapter, twin(base), config, name)
    return found


def mixed_of(models: dict[str, Any]) -> MixedModel:
    mixed = MixedModel(models[BARE])
    for name, model in models.items():
        if name != BARE:
            mixed.join(name, model)
    return mixed


def greedy(logprobs: mx.array) -> mx.array:
    return mx.argmax(logprobs, axis=-1)


def order(models: dict[str, Any], name: str, prompt: tuple[int, ...]) -> Order:
    caches = new_cache(models[name])
    return Order(prompt, 0, caches, STEPS, greedy, lambda held: [], adapter=name)


def run(lane: MixedLane, steps: int | None = None) -> tuple[dict[int, list[Any]], dict[int, Any]]:
    told: dict[int, list[Any]] = {}
    kept: dict[int, Any] = {}
    while len(lane) and steps != 0:
        for one in lane.step():
            told.setdefault(one.order, []).append((one.token, one.logprobs))
            if one.kept is not None:
                kept[one.order] = one.kept
        steps = None if steps is None else steps - 1
    return told, kept


def check(models: dict[str, Any], told: dict[int, list[Any]], asked: list[Any]) -> None:
    for number, (name, prompt) in enumerate(asked):
        alone = greedy_alone(models[name], list(prompt), STEPS)
        assert [token for token, _ in told[number]] == [token for token, _ in alone]
        for (_, mine), (_, theirs) in zip(told[number], alone, strict=True):
            assert difference(mine, theirs) < TOLERANCE


@pytest.mark.parametrize("names", [(0, 1, 2), (1, 1, 2), (2, 2, 2), (0, 0, 0), (2, 0, 1)])
def test_each_row_is_answered_as_by_its_model_alone(
    models: dict[str, Any], names: tuple[int, ...]
) -> None:
    known = list(models)
    asked = [(known[names[i % 3]], prompt) for i, prompt in enumerate(PROMPTS)]
    lane = MixedLane(mixed_of(models), [], 8)
    for number, (name, prompt) in enumerate(asked):
        lane.add(number, order(models, name, prompt))
    told, kept = run(lane)
    check(models, told, asked)
    for number, (held, caches) in kept.items():  # they are its model's own
        model = models[asked[number][0]]
        more = model(mx.array([[7]]), cache=caches)[0, -1]
        assert mx.abs(more - model(mx.array([[*held, 7]]))[0, -1]).max().item() < 1e-3


def test_rows_come_and_go(models: dict[str, Any]) -> None:
    known = list(models)
    asked = [(known[i % 3], prompt) for i, prompt in enumerate(PROMPTS)]
    lane = MixedLane(mixed_of(models), [], 8)
    told: dict[int, list[Any]] = {}
    for number, (name, prompt) in enumerate(asked):
        lane.add(number, order(models, name, prompt))
        lane.add(99, order(models, known[(number + 1) % 3], (3, 3, 3)))
        for one, more in run(lane, 2)[0].items():
            told.setdefault(one, []).extend(more)
        lane.remove(99)
        told.pop(99, None)
    for one, more in run(lane)[0].items():
        told.setdefault(one, []).extend(more)
    check(models, told, asked)


def test_shadows_join_and_leave(models: dict[str, Any]) -> None:
    mixed = mixed_of(models)
    assert mixed.names == list(models)[1:]
    mixed.leave(mixed.names[0])
    mixed.leave("nobody")
    assert mixed.names == list(models)[2:]
    assert all(isinstance(models[name], AttachedModel) for name in mixed.names)


def test_whose_rows_are_whose_is_kept_in_order() -> None:
    one = ShadowRows.merge([ShadowRows([name], {}) for name in "abca"])
    one.extend(ShadowRows(["b"], {}))
    one.filter([0, 2, 4])
    assert (one.names, one.rows("c"), one.extract(2).names) == (["a", "c", "b"], [1], ["b"])
    assert (one.nbytes, one.state) == (0, [])
