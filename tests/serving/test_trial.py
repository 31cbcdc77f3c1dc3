from __future__ import annotations

import pytest

from shadow_mlx.serving.trial import answers_in_batches
from tests.architectures.matrix import BY_NAME, prepared


@pytest.mark.parametrize("name", [n for n, family in BY_NAME.items() if family.unbatched])
def test_what_reads_the_padding_is_found_out(name: str) -> None:
    assert not answers_in_batches(prepared(name).backbone)


@pytest.mark.parametrize("name", ["qwen3", "gemma3_text", "mamba2", "qwen3_next", "gpt_oss"])
def test_what_does_not_is_batched(name: str) -> None:
    one = prepared(name)
    assert answers_in_batches(one.backbone)
    assert answers_in_batches(one.attached)
    assert answers_in_batches(one.detached)
