"""Drafts are chosen by the rows of a few tokens exactly as by the whole head, cut to these."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from shadow_mlx.config import ShadowConfig
from shadow_mlx.generation.draft_head import WAITING, DraftHead
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.draft_tokens import DraftTokens
from tests.shadow.tiny_models import QWEN3, backbone

VOCABULARY = 1024


def model_of(*, bits: int = 0, mode: str = "affine", **changes: Any) -> AttachedModel:
    changes = {"vocab_size": VOCABULARY, **changes}
    made = backbone(**changes)
    if bits:
        nn.quantize(made, group_size=32, bits=bits, mode=mode)
    return attach(made, QWEN3 | changes, ShadowConfig(rank=4, shadow_layers=1)).eval()


def practised(model: AttachedModel, tokens: list[int]) -> DraftHead:
    """A head that has seen these tokens written often enough."""
    head = DraftHead(model)
    head.read(tokens)
    for token in tokens * 3:
        head.wrote(token)
    return head


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tie_word_embeddings": False},
        {"bits": 8},
        {"bits": 4, "mode": "mxfp4"},
        {"bits": 4, "tie_word_embeddings": False},
        {"model_type": "llama", "tie_word_embeddings": False},
        {"model_type": "gemma2", "query_pre_attn_scalar": 16, "final_logit_softcapping": 30.0},
    ],
)
def test_the_likeliest_of_few_is_that_of_the_whole_head(options: dict[str, Any]) -> None:
    model = model_of(**options)
    known = [*range(7, 800, 31)]
    head = practised(model, known)
    assert head.small
    for seed in range(20):
        state = mx.random.normal((1, 1, 64), key=mx.random.key(seed))
        logits = np.array(model.head(state)[0, 0].astype(mx.float32))
        token = head.likeliest(state)
        assert token.shape == (1, 1)
        assert logits[known].max() - logits[token.item()] <= 1e-3 * np.abs(logits).max()
        assert token.item() in known


def test_it_is_whole_until_it_knows_the_words_and_where_it_misses() -> None:
    head = DraftHead(model_of())
    head.read(range(40))
    assert not head.small
    for token in [*range(40)] * 2:
        head.wrote(token)
    assert head.small
    for token in range(500, 510):
        head.wrote(token)
    assert not head.small


def test_new_words_get_rows_in_the_middle_of_an_answer() -> None:
    model = model_of()
    head = practised(model, [*range(40)])
    state = model.decoder.embedding.weight[900][None, None]
    assert model.head(state).argmax().item() == 900
    assert head.likeliest(state).item() != 900
    for token in [*range(900, 900 + WAITING)]:
        head.wrote(token)
    for token in [*range(40)] * 4:
        head.wrote(token)
    assert head.small
    assert head.likeliest(state).item() == 900


def told(**changes: Any) -> AttachedModel:
    """A model whose adapter tells of the tokens 40 to 99, and of some that seldom come."""
    model = model_of(**changes)
    model.draft_tokens = DraftTokens((*range(40, 100), *range(500, 600)), (1,) * 160)
    return model


def test_what_the_training_data_use_has_rows_from_the_first_word_on() -> None:
    model = told()
    head, fresh = DraftHead(model), DraftHead(model_of())
    for one in (head, fresh):
        one.read([7, 9])
    assert head.small
    assert not fresh.small
    state = model.decoder.embedding.weight[77][None, None]
    assert model.head(state).argmax().item() == head.likeliest(state).item() == 77


def test_a_conversation_in_other_words_takes_the_whole_head() -> None:
    head = DraftHead(told())
    head.read([7])
    for token in range(900, 904):
        head.wrote(token)
    assert not head.small


def test_rows_are_left_for_the_words_of_the_conversation() -> None:
    model = told()  # 256 rows there may be, of which 128 are for what the data use
    head = DraftHead(model)
    head.read(range(700, 820))
    assert head.small
    for token, wanted in ((810, True), (99, True), (599, False)):
        state = model.decoder.embedding.weight[token][None, None]
        assert (head.likeliest(state).item() == token) is wanted, token


def test_of_a_small_vocabulary_all_rows_are_read() -> None:
    assert not practised(model_of(vocab_size=128), [*range(40)]).small
