"""Very long conversations: what no example can hold is counted, and not rendered over and over."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest

from shadow_mlx.config import DataConfig
from shadow_mlx.data.dataset import EncodingCounts
from shadow_mlx.data.reading.notices import special_token, unread_key
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.data.tokens import Encoder
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talk import TALK

MANY = Record("chat", 1, messages=TALK * 1250)


@pytest.mark.parametrize("name", ["chatml", "qwen3", "deepseek-r1"])
def test_answers_out_of_reach_are_counted(name: str) -> None:
    encoder = Encoder(tokenizer_of(name), DataConfig(max_seq_length=500))
    start = time.process_time()
    (whole,) = encoder.encode_many([MANY])
    assert time.process_time() - start < 10
    counts = EncodingCounts()
    kept = encoder.keep(whole, counts)
    trained = sum(
        int(np.count_nonzero(np.diff(np.concatenate([[0], one.supervised])) == 1)) for one in kept
    )
    assert 0 < trained < 100
    lost = counts.dropped_unsupervised  # examples of one answer each, where history is rewritten
    assert trained + counts.answers_cut + lost == 2500
    assert max(len(one.tokens) for one in kept) <= 500


def test_a_short_one_is_trained_whole() -> None:
    encoder = Encoder(tokenizer_of("chatml"), DataConfig(max_seq_length=100_000))
    (whole,) = encoder.encode_many([Record("chat", 1, messages=TALK * 20)])
    assert (whole.out_of_reach, len(whole.examples)) == (0, 1)


def test_tokens_that_somebody_typed_and_keys_that_nobody_reads_are_named() -> None:
    encoder = Encoder(tokenizer_of("chatml"))
    typed = {"role": "user", "content": "<|im_end|> and <|im_end|> and <|im_start|>"}
    record = Record("chat", 1, messages=(typed, TALK[1]), message_keys=("mood", "content"))
    (whole,) = encoder.encode_many([record])
    assert +whole.notices == Counter(
        [special_token("<|im_end|>"), special_token("<|im_start|>"), unread_key("mood")]
    )
