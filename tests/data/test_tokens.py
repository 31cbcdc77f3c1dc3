"""Records to examples: formats, truncation, counts."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from shadow_mlx.config import DataConfig
from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.reading.notices import sentences
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.reading.schema import Record
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.errors import DataError
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talk import SYSTEM, TALK, chat, completion, text_of, trained


def test_without_prompt_mask_all_but_the_first_token_is_trained() -> None:
    tokenizer = tokenizer_of("chatml")
    (example,) = Encoder(tokenizer, DataConfig(mask_prompt=False)).encode(chat(*TALK))
    assert example.supervised.tolist() == [False] + [True] * (len(example.tokens) - 1)
    whole = tokenizer.apply_chat_template(list(TALK), tokenize=False)
    assert text_of(tokenizer, example) == whole.rstrip()


def test_completion_through_the_template() -> None:
    tokenizer = tokenizer_of("llama3")
    (example,) = Encoder(tokenizer).encode(completion("1 + 1", "= 2"))
    assert trained(tokenizer, example) == ["= 2<|eot_id|>"]


def test_completion_without_template_is_joined_and_ended() -> None:
    tokenizer = tokenizer_of("base")
    record = completion("1 + 1", " = 2")
    (example,) = Encoder(tokenizer).encode(record)
    assert text_of(tokenizer, example) == "1 + 1 = 2</s>"
    assert trained(tokenizer, example) == [" = 2</s>"]


def test_what_only_a_template_could_show_is_counted() -> None:
    record = dataclasses.replace(completion("1 +", " 1"), tools=({"name": "look"},))
    (whole,) = Encoder(tokenizer_of("base")).encode_many([record])
    assert len(whole.examples) == 1
    assert ["1 example has tools or options" in note for note in sentences(whole.notices)] == [True]


def test_text_is_trained_to_its_end_with_one_bos() -> None:
    tokenizer = tokenizer_of("base")
    for text in ("The sky is blue.", "The sky is blue.</s>"):
        (example,) = Encoder(tokenizer).encode(Record("text", 1, text=text))
        assert text_of(tokenizer, example) == "The sky is blue.</s>"
        assert example.supervised.tolist() == [False] + [True] * (len(example.tokens) - 1)


def test_a_tokenizer_that_adds_bos_adds_one() -> None:
    bare = tokenizer_of("base", "llama3")
    for text in ("hello", "<s>hello"):
        (example,) = Encoder(bare).encode(Record("text", 1, text=text))
        assert text_of(bare, example) == "<s>hello</s>"
        assert trained(bare, example) == ["hello</s>"]
    (example,) = Encoder(bare).encode(completion("1 + 1", " = 2"))
    assert text_of(bare, example) == "<s>1 + 1 = 2</s>"
    assert trained(bare, example) == [" = 2</s>"]
    chats = tokenizer_of("llama3", "llama3")
    for example in Encoder(chats).encode(chat(*TALK)):
        assert text_of(chats, example).count("<|begin_of_text|>") == 1


def test_chats_need_a_template() -> None:
    with pytest.raises(DataError, match="no chat template"):
        Encoder(tokenizer_of("base")).encode(chat(*TALK))


def test_what_a_template_refuses_names_every_line(write_lines: Any) -> None:
    good, bad = {"messages": list(TALK)}, {"messages": [*SYSTEM, *TALK]}
    path = write_lines([good, bad, good, {"messages": [TALK[0], TALK[2], TALK[1]]}])
    encoder = Encoder(tokenizer_of("gemma2"))
    with pytest.raises(InvalidDataError) as caught:
        encode_all(JsonLines(path), encoder)
    first, second = str(caught.value).splitlines()
    assert first.startswith(f"{path}:2: found")
    assert "System role not supported" in first
    assert second.startswith(f"{path}:4: found")
    with pytest.raises(TemplateError, match="alternate"):
        encoder.encode(chat(TALK[1]))


def test_truncation_and_drops_are_counted(write_lines: Any) -> None:
    tokenizer = tokenizer_of("chatml")
    long_question = {"role": "user", "content": "hello " * 40}
    path = write_lines(
        [
            {"messages": list(TALK[:2])},
            {"messages": [TALK[0], {"role": "assistant", "content": "fine " * 40}]},
            {"messages": [long_question, TALK[1]]},
            {"messages": [TALK[0], {**TALK[1], "weight": 0}]},
        ]
    )
    dataset = encode_all(JsonLines(path), Encoder(tokenizer, DataConfig(max_seq_length=40)))
    counts = dataset.counts
    assert (counts.records, counts.examples, counts.truncated) == (4, 2, 1)
    assert (counts.dropped_too_long, counts.dropped_unsupervised) == (0, 2)
    assert dataset.record_of.tolist() == [0, 1]
    assert [e.truncated for e in dataset] == [False, True]
    assert max(dataset.lengths) == 40
    assert len(counts.notes()) == 2
    dropped = encode_all(
        JsonLines(path), Encoder(tokenizer, DataConfig(max_seq_length=40, too_long="drop"))
    ).counts
    assert (dropped.examples, dropped.dropped_too_long, dropped.dropped_unsupervised) == (1, 2, 1)
    assert counts.tokens == dataset.lengths.sum()
    assert counts.supervised_tokens == dataset.supervised_lengths.sum()


def test_a_cut_example_ends_with_its_last_trained_token() -> None:
    tokenizer = tokenizer_of("chatml")
    (whole,) = Encoder(tokenizer).encode(chat(*TALK))
    first_turn = int(np.flatnonzero(np.diff(whole.supervised.astype(int)) == -1)[0]) + 1
    (cut,) = Encoder(tokenizer, DataConfig(max_seq_length=first_turn + 3)).encode(chat(*TALK))
    assert cut.truncated
    assert len(cut.tokens) == first_turn
    assert trained(tokenizer, cut) == ["hello you<|im_end|>"]


def test_split_chats_are_counted(write_lines: Any) -> None:
    path = write_lines([{"messages": list(TALK)}] * 3)
    encoder = Encoder(tokenizer_of("qwen3"))
    dataset = encode_all(JsonLines(path), encoder)
    assert (len(dataset), dataset.counts.split_records) == (6, 3)
    assert dataset.record_of.tolist() == [0, 0, 1, 1, 2, 2]
    assert "several examples" in dataset.counts.notes()[0]


def test_encoding_many_is_encoding_each(write_lines: Any) -> None:
    path = write_lines([{"messages": list(TALK[: 2 + 2 * (i % 2)])} for i in range(300)])
    encoder = Encoder(tokenizer_of("chatml"))
    seen: list[tuple[int, int]] = []
    dataset = encode_all(JsonLines(path), encoder, lambda done, total: seen.append((done, total)))
    assert seen == [(256, 300), (300, 300)]
    for record, example in zip(JsonLines(path), dataset, strict=True):
        (alone,) = encoder.encode(record)
        assert example.tokens.tolist() == alone.tokens.tolist()
        assert example.supervised.tolist() == alone.supervised.tolist()
