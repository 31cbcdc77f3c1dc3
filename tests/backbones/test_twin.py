from __future__ import annotations

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.tuner.utils import linear_to_lora_layers

from shadow_mlx.backbones.twin import twin
from tests.shadow.tiny_models import QWEN3, attached, backbone, stir

TOKENS = mx.array([[3, 1, 4, 1, 5, 9, 2, 6]])


def test_a_twin_has_the_same_arrays_and_other_modules() -> None:
    model = backbone()
    other = twin(model)
    mine, theirs = dict(tree_flatten(model.parameters())), dict(tree_flatten(other.parameters()))
    assert mine.keys() == theirs.keys()
    assert all(mine[name] is theirs[name] for name in mine)
    shared = {id(m) for _, m in model.named_modules()} & {id(m) for _, m in other.named_modules()}
    assert shared == set()
    assert mx.array_equal(model(TOKENS), other(TOKENS))


def test_what_is_put_on_a_twin_leaves_the_model_as_it_came() -> None:
    model = backbone()
    before = model(TOKENS)
    lora, changed = twin(model), twin(model)
    linear_to_lora_layers(lora, 2, {"rank": 2, "scale": 4.0, "dropout": 0.0})
    stir(lora)
    changed.update({"model": {"norm": {"weight": mx.zeros(QWEN3["hidden_size"])}}})
    shadowed = attached(twin(model))
    for other in (lora, changed, shadowed):
        assert not mx.allclose(other(TOKENS), before)
    assert mx.array_equal(model(TOKENS), before)
    assert mx.array_equal(shadowed.backbone(TOKENS), before)
    assert "lora" not in str(model)
    assert tree_flatten(model.trainable_parameters()) != []  # the twin alone was frozen


def test_a_module_in_two_places_stays_one() -> None:
    model = backbone()
    model.again = model.model.layers[0]
    other = twin(model)
    assert other.again is other.model.layers[0]
