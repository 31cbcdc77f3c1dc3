"""How many positions a model has, told from its configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlx_lm.models
import pytest

from shadow_mlx.backbones.positions import _LEARNED, PositionLimit, position_limit, tightest

HARD, SOFT = PositionLimit(64, True, "n_positions"), PositionLimit(32, False, "x")


@pytest.mark.parametrize(
    ("config", "tokens", "hard"),
    [
        ({"model_type": "gpt2", "n_positions": 64, "n_ctx": 64}, 64, True),
        ({"model_type": "gpt_bigcode", "n_positions": 8192}, 8192, True),
        ({"model_type": "gptj", "n_positions": 2048, "rotary_dim": 4}, 2048, False),
        ({"model_type": "qwen3", "max_position_embeddings": 40960}, 40960, False),
        ({"model_type": "gemma3", "text_config": {"max_position_embeddings": 100}}, 100, False),
        (
            {
                "model_type": "qwen2",
                "max_position_embeddings": 32768,
                "rope_scaling": {
                    "type": "yarn",
                    "factor": 4.0,
                    "original_max_position_embeddings": 32768,
                },
            },
            131072,
            False,
        ),
        (
            {  # Llama 3.1: the length is that after the scaling
                "model_type": "llama",
                "max_position_embeddings": 131072,
                "rope_scaling": {"factor": 8.0, "original_max_position_embeddings": 8192},
            },
            131072,
            False,
        ),
        (
            {  # a sliding window is no end
                "model_type": "mistral",
                "max_position_embeddings": 32768,
                "sliding_window": 4096,
            },
            32768,
            False,
        ),
    ],
)
def test_what_the_configuration_says(config: dict[str, Any], tokens: int, hard: bool) -> None:
    limit = position_limit(config)
    assert limit is not None
    assert (limit.tokens, limit.hard) == (tokens, hard)


@pytest.mark.parametrize("value", [None, 0, -1, True, "64", [64], 1.5])
def test_what_says_nothing_is_no_limit(value: object) -> None:
    assert position_limit({"model_type": "gpt2", "n_positions": value}) is None
    assert position_limit({"model_type": "llama", "max_position_embeddings": value}) is None
    scaled = {"max_position_embeddings": 8, "rope_scaling": {"factor": value}}
    assert position_limit({"model_type": "llama", **scaled}) == PositionLimit(
        8, False, "max_position_embeddings"
    )


def test_every_table_of_positions_in_mlx_lm_is_known() -> None:
    folder = Path(mlx_lm.models.__path__[0])
    table = re.compile(r"self\.(wpe|embed_positions|position_embeddings?) = nn\.Embedding\(")
    found = {path.stem for path in folder.glob("*.py") if table.search(path.read_text())}
    assert found == set(_LEARNED)


def test_a_table_counts_before_a_length_of_training() -> None:
    assert tightest([SOFT, None, HARD]) is HARD
    assert tightest([SOFT, PositionLimit(16, False, "y")]) == PositionLimit(16, False, "y")
    assert tightest([None]) is None
    assert HARD.room(60, 10) == 4
    assert HARD.room(64, 10) == HARD.room(99, 10) == 0
    assert SOFT.room(99, 10) == 10
