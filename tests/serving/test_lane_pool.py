from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadow_mlx import loading
from shadow_mlx.backbones.twin import twin
from shadow_mlx.config import SamplingConfig
from shadow_mlx.generation.decode import new_cache
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.serving import lane_pool
from shadow_mlx.serving.lane_pool import LanePool
from shadow_mlx.serving.lanes import BatchLane, MixedLane, SingleLane
from shadow_mlx.serving.models import Key
from shadow_mlx.serving.requests import Asked

ASKED = Asked("chat", "m", ("x",), SamplingConfig())


class Models:
    """A backbone, and an adapter in its modes."""

    def __init__(self, adapter: Path) -> None:
        name = loading.backbone_name(None, adapter)
        self.base, config, folder = loading.load_backbone(name)
        self.tokenizer = loading.load_tokenizer(folder)
        attached = loading.attach_adapter(adapter, twin(self.base), config, name)
        self.of: dict[Any, Any] = {**modes_of(attached), "base": self.base}


@pytest.fixture(scope="module")
def models(tiny_adapter: Path) -> Models:
    return Models(tiny_adapter)


def lane(pool: LanePool, models: Models, key: Key, size: int | None = None, **options: Any) -> Any:
    sampling = SamplingConfig(**options.pop("sampling", {}))
    asked = Asked("chat", "m", ("x",), sampling, schema=options.pop("schema", None))
    model = models.of[key.mode]
    return pool.lane(key, model, asked, new_cache(model, size), **options)


def test_what_goes_through_the_backbone_shares_a_lane(models: Models) -> None:
    pool = LanePool(models.base, models.tokenizer, 4, mixing=True)
    attached = lane(pool, models, Key("a", "attached"))
    assert isinstance(attached, MixedLane)
    assert lane(pool, models, Key("b", "attached")) is attached
    assert lane(pool, models, Key("", "base")) is attached
    assert attached.model.names == ["a", "b"]
    detached = lane(pool, models, Key("a", "detached"))
    assert type(detached) is BatchLane
    assert lane(pool, models, Key("a", "detached")) is detached
    assert lane(pool, models, Key("b", "detached")) is not detached
    pool.forget(["b"])
    assert attached.model.names == ["b"]
    assert lane(pool, models, Key("a", "detached")) is not detached
    pool.drop(attached)
    assert lane(pool, models, Key("a", "attached")) is not attached
    pool.close()


def test_a_backbone_alone_needs_no_mixing(models: Models) -> None:
    pool = LanePool(models.base, models.tokenizer, 4, mixing=False)
    assert type(lane(pool, models, Key("", "base"))) is BatchLane


def test_an_adapter_that_was_read_anew_leaves_its_old_lane(models: Models) -> None:
    pool = LanePool(models.base, models.tokenizer, 4, mixing=True)
    old = lane(pool, models, Key("a", "detached", 1.0))
    new = lane(pool, models, Key("a", "detached", 2.0))
    pool.forget(["a"])
    assert lane(pool, models, Key("a", "detached", 2.0)) is new
    assert lane(pool, models, Key("a", "detached", 1.0)) is not old


@pytest.mark.parametrize(
    ("options", "drafts"),
    [
        ({"sampling": {"draft": True}, "alone": True}, True),
        ({"sampling": {"draft": True, "temp": 1.0}, "alone": True}, True),
        ({"sampling": {"draft": True, "temp": 1.0, "seed": 3}, "alone": True}, False),
        ({"sampling": {"draft": True, "seed": 3}, "alone": True}, True),
        ({"sampling": {"draft": True}, "alone": False}, False),
        ({"sampling": {"draft": False}, "alone": True}, False),
        ({"sampling": {"draft": True}, "alone": True, "schema": {}}, False),
        ({"sampling": {}, "alone": True}, True),
    ],
)
def test_only_who_is_alone_is_drafted(
    models: Models, options: dict[str, Any], drafts: bool
) -> None:
    pool = LanePool(models.base, models.tokenizer, 4, mixing=True)
    chosen = lane(pool, models, Key("a", "attached"), **options)
    assert isinstance(chosen, SingleLane) == drafts
    if drafts:
        base = lane(pool, models, Key("", "base"), **options)
        assert isinstance(base, MixedLane)


def test_what_cannot_be_batched_is_computed_by_itself(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = LanePool(models.base, models.tokenizer, 4, mixing=True)
    assert isinstance(lane(pool, models, Key("a", "attached"), 16), SingleLane)
    tried: list[Any] = []
    monkeypatch.setattr(lane_pool, "answers_in_batches", lambda model: bool(tried.append(model)))
    pool = LanePool(models.base, models.tokenizer, 4, mixing=True)
    for _ in range(2):
        assert isinstance(lane(pool, models, Key("a", "attached")), SingleLane)
    assert len(tried) == 1
