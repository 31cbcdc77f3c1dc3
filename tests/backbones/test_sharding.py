"""What is said of a split before it is made; what it does is tested with real processes."""

from __future__ import annotations

from typing import Any

import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.pretending import Machines
from shadow_mlx.backbones.sharding import check, families, split
from shadow_mlx.errors import ModelError
from tests.architectures.matrix import BY_NAME, build


def tiny(family: str, **changes: Any) -> nn.Module:
    return build({**BY_NAME[family].config, **changes})


def test_a_family_that_cannot_be_split_is_told_those_that_can():
    with pytest.raises(ModelError, match="cannot split gemma2 over machines") as refused:
        check(tiny("gemma2"), 2, "some/model")
    said = str(refused.value)
    assert said.startswith("some/model: ")
    assert all(f" {name}" in said for name in ("llama", "qwen3", "gpt_oss"))
    assert "gemma2," not in said.partition("it can split")[2]
    assert {"llama", "qwen3_5", "deepseek_v3"} <= set(families())


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        (3, "its 4 attention heads cannot be dealt out evenly to 3 machines; take 2 of them"),
        (4, "its 2 heads of keys and values cannot be dealt out evenly to 4 machines; take 2 of"),
    ],
)
def test_heads_that_do_not_go_evenly(machines: int, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        check(tiny("llama"), machines, "x")
    check(tiny("llama"), 2, "x")


def test_what_mlx_itself_cannot_cut_is_one_message():
    with pytest.raises(ModelError, match="x: cannot be split over 2 machines: "):
        split(tiny("llama", intermediate_size=47), Machines(2), "x")


def test_a_part_has_its_share_of_every_matrix_and_whole_embeddings():
    whole, part = tiny("llama"), tiny("llama")
    elsewhere = split(part, Machines(2), "x")
    assert get_total_parameters(part) + elsewhere == get_total_parameters(whole)
    shapes = {name: array.shape for name, array in tree_flatten(part.parameters())}
    for name, array in tree_flatten(whole.parameters()):
        cut = 1 if array.ndim == 1 or "embed" in name else 2
        assert array.size == cut * shapes[name][0] * (shapes[name][1] if array.ndim > 1 else 1)
    assert not tree_flatten(part.trainable_parameters())
