"""Parts of an example whose texts are exactly the whole text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlx_lm.utils import load_tokenizer

from shadow_mlx.data.dataset import Example
from shadow_mlx.data.stretches import stretches

TEXT = "grün <|im_start|>ja: 👍🏽<|im_end|> so"


@pytest.fixture
def example(tiny_backbone: Path) -> tuple[Any, Example]:
    tokenizer = load_tokenizer(tiny_backbone)
    tokens = np.array(tokenizer.encode(TEXT), np.int32)
    trained = np.zeros(len(tokens), bool)
    trained[8 : tokens.tolist().index(tokenizer.eos_token_id) + 1] = True
    return tokenizer, Example(tokens, trained, False)


def test_the_texts_are_the_whole_text(example: tuple[Any, Example]) -> None:
    tokenizer, one = example
    found = list(stretches(tokenizer, one, {tokenizer.eos_token_id}))
    assert "".join(stretch.text for stretch in found) == TEXT
    assert [stretch.part for stretch in found] == ["prompt", "answer", "end", "prompt"]
    assert [stretch.start for stretch in found[1:]] == [stretch.end for stretch in found[:-1]]


def test_without_tokens_that_end_a_turn_there_is_no_end(example: tuple[Any, Example]) -> None:
    found = list(stretches(*example, stop=()))
    assert [stretch.part for stretch in found] == ["prompt", "answer", "prompt"]
    assert found[1].text.endswith("<|im_end|>")
