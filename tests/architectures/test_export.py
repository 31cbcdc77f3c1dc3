"""Every family: its detached model as mlx-lm's own, written, read back, with the same logits."""

from __future__ import annotations

from pathlib import Path

import mlx.core as mx
import pytest
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model

from shadow_mlx.errors import UnsupportedArchitectureError
from shadow_mlx.export.folder import write_settings, write_weights
from shadow_mlx.export.layout import file_tensors
from shadow_mlx.export.standalone import Standalone, standalone
from shadow_mlx.shadow.detached import DetachedModel
from tests.architectures.matrix import (
    BY_NAME,
    LENGTH,
    TOLERANCE,
    attach_tiny,
    build,
    difference,
    in_chunks,
    perturb,
    tokens,
)

UNREADABLE = {"minicpm", "qwen3_vl_moe", "baichuan_m1"}
"""mlx-lm does not load a folder of the first two whose head is tied, whoever wrote it; Baichuan's
head is normalized as it is read, and this random one is not."""

ADDED = {
    "exaone4": 1, "gemma3_text": 1, "gemma3": 1, "olmo3": 1, "cohere2": 1, "llama4": 2,
    "nemotron_h": 1,
}  # fmt: skip
"""Blocks of zeros: their loops look for their masks at a block beyond the two."""

ALWAYS_TIED = {
    "gemma", "gemma2", "gemma3n", "gpt2", "cohere", "cohere2", "hunyuan", "lfm2", "lfm2_moe",
}  # fmt: skip
"""mlx-lm has no head of its own for these."""

NOT_NARROW = {"exaone", "qwen", "phimoe", "cohere2", "lille-130m"}
"""Half the width with the same heads is no mirror of theirs."""


def detached_of(name: str, **options: int) -> DetachedModel:
    attached = attach_tiny(BY_NAME[name], build(BY_NAME[name].config), **options)
    perturb(attached.shadow, seed=2, scale=0.2)
    attached.eval()
    return attached.detached()


def written(found: Standalone, folder: Path) -> Path:
    write_weights(folder, file_tensors(found.model, found.config))
    write_settings(folder, found.config, {})
    return folder


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - UNREADABLE))
def test_what_mlx_lm_reads_is_the_detached_model(name: str, tmp_path: Path) -> None:
    detached = detached_of(name)
    found = standalone(detached)
    assert found.added == ADDED.get(name, 0)
    assert not found.own_head
    model, _ = load_model(written(found, tmp_path))
    inputs = tokens(LENGTH)
    expected = detached(inputs)
    assert difference(model(inputs), expected) <= TOLERANCE
    stepped = in_chunks(model, inputs, [LENGTH - 3, 1, 1, 1], make_prompt_cache(model))
    assert difference(stepped, expected) <= TOLERANCE


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_what_mlx_lm_does_not_read_back_is_refused(name: str) -> None:
    found = standalone(detached_of(name))
    with pytest.raises(UnsupportedArchitectureError, match="does not read its own tensors"):
        file_tensors(found.model, found.config)


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - NOT_NARROW))
def test_a_narrower_shadow_has_its_projections_folded_in(name: str) -> None:
    detached = detached_of(name, shadow_hidden_size=16)
    if name in ALWAYS_TIED:
        with pytest.raises(UnsupportedArchitectureError, match="needs two tables"):
            standalone(detached)
        return
    found = standalone(detached)
    assert found.own_head
    inputs = tokens(LENGTH)
    logits = found.model(inputs)
    assert logits.dtype == mx.float32
    assert difference(logits, detached(inputs)) <= TOLERANCE
