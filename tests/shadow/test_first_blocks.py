"""The first blocks of a model at any depth, against a model of that depth."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_unflatten
from mlx_lm.models.cache import make_prompt_cache

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.errors import ConfigError
from shadow_mlx.shadow.first_blocks import first_blocks
from tests.architectures.matrix import BY_NAME, build
from tests.shadow.tiny_models import backbone, tokens


def test_they_compute_what_a_model_of_so_many_blocks_does() -> None:
    shallow, deep = backbone(num_hidden_layers=2), backbone(num_hidden_layers=5)
    decoder, caches = first_blocks(deep, 2)
    mine = dict(tree_flatten(find_decoder(shallow).inner.parameters()))
    assert {name for name, _ in tree_flatten(decoder.inner.parameters())} == set(mine)
    decoder.inner.update(tree_unflatten(list(mine.items())))
    assert (len(decoder.blocks), caches) == (2, 2)
    ids = tokens(6)
    np.testing.assert_array_equal(decoder.final_hidden(ids), shallow.model(ids))
    cache = make_prompt_cache(decoder.model)
    parts = [decoder.final_hidden(part, cache) for part in (ids[:, :4], ids[:, 4:])]
    found = mx.concatenate(parts, axis=1)
    np.testing.assert_allclose(found, shallow.model(ids), rtol=0, atol=1e-5)
    assert all(one.offset == 6 for one in cache[:caches])


def test_blocks_that_count_in_a_later_ones_cache_are_refused() -> None:
    """Bailing's linear blocks take positions from the first block with attention, the second."""
    config = BY_NAME["bailing_moe_linear"].config
    with pytest.raises(ConfigError, match="needs at least 2 layers"):
        first_blocks(build(config), 1)
    assert len(first_blocks(build(config), 2)[0].blocks) == 2
