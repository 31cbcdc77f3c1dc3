from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from shadow_mlx.generation.decode import new_cache
from shadow_mlx.serving.models import Key
from shadow_mlx.serving.prompt_memory import PromptMemory
from shadow_mlx.shadow.attached import AttachedModel

KEY, OTHER = Key("a", "attached"), Key("b", "attached")


@pytest.fixture
def model(tiny_attached: tuple[AttachedModel, Any]) -> AttachedModel:
    return tiny_attached[0]


def read(model: Any, tokens: list[int]) -> list[Any]:
    caches = new_cache(model)
    mx.eval(model(mx.array([tokens]), cache=caches))
    return caches


@pytest.mark.parametrize(
    ("prompt", "held"),
    [([5, 6, 7, 8, 9], 4), ([5, 6, 7, 8], 2), ([5, 6, 9, 9], 2), ([9, 5, 6], 0), ([5], 0)],
)
def test_what_begins_alike_is_not_computed_again(
    model: AttachedModel, prompt: list[int], held: int
) -> None:
    memory = PromptMemory(1 << 30)
    memory.keep(KEY, None, ([5, 6, 7, 8], read(model, [5, 6, 7, 8])))
    for _ in range(2):  # a copy is given: the first use changes nothing
        caches, count = memory.take(KEY, None, prompt)
        assert count == held
        if caches is None:
            continue
        again = model(mx.array([prompt[held:]]), cache=caches)[0, -1]
        whole = model(mx.array([prompt]))[0, -1]
        assert mx.abs(again - whole).max().item() < 1e-4


def test_weights_and_sizes_are_told_apart(model: AttachedModel) -> None:
    memory = PromptMemory(1 << 30)
    memory.keep(KEY, None, ([5, 6, 7], read(model, [5, 6, 7])))
    assert memory.take(OTHER, None, [5, 6, 7, 8]) == (None, 0)
    assert memory.take(KEY, 64, [5, 6, 7, 8]) == (None, 0)
    assert memory.take(KEY, None, [5, 6, 7, 8])[1] == 3


def test_it_stays_within_its_bytes(model: AttachedModel) -> None:
    size = sum(entry.nbytes for entry in read(model, [1, 2, 3]))
    memory = PromptMemory(3 * size)
    for first in range(10):
        memory.keep(KEY, None, ([first, 2, 3], read(model, [first, 2, 3])))
        assert memory.nbytes <= 3 * size
    assert memory.take(KEY, None, [9, 2, 3, 4])[1] == 3
    memory.clear()
    assert memory.nbytes == 0
    nothing = PromptMemory(0)
    nothing.keep(KEY, None, ([1, 2, 3], read(model, [1, 2, 3])))
    assert (nothing.nbytes, nothing.take(KEY, None, [1, 2, 3, 4])) == (0, (None, 0))
