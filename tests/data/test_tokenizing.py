"""Texts to tokens: pieces as the whole, answers as they follow their prompts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlx_lm.tokenizer_utils import TokenizerWrapper
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from tokenizers import decoders as decode
from transformers import PreTrainedTokenizerFast

from shadow_mlx.data.tokenizing import Tokenizing
from shadow_mlx.data.tokens import Encoder
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talk import completion, text_of, trained

_PIECES = (
    *("<s>", "</s>", "<|user|>", "<|assistant|>", "<|end|>"),
    *("hello", " you", "\n", "\n\n", " ", "  ", "é", "🙂", "1 + 1"),
)
pieces = st.lists(st.sampled_from(_PIECES), max_size=12).map("".join)


def bare(kind: str = "gpt2") -> Any:
    """A tokenizer with tokens of turns, and without a template."""
    return tokenizer_of("phi3", kind, template=None, eos="</s>", stops=())


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=pieces)
def test_pieces_between_special_tokens_are_the_whole(text: str) -> None:
    tokenizer = bare("llama3")
    cut = Tokenizing(tokenizer)
    assert cut._cut is not None
    assert cut([text, text]) == [tokenizer.encode(text, add_special_tokens=False)] * 2


def test_only_what_is_new_in_a_chat_s_next_prompt_is_tokenised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tokenizer, counts = bare(), []
    ids, encode = Tokenizing(tokenizer), Tokenizing._encode

    def counted(self: Tokenizing, texts: Any) -> Any:
        counts.append(len(texts))
        return encode(self, texts)

    monkeypatch.setattr(Tokenizing, "_encode", counted)
    talk = "".join(f"<|user|>say {i}<|end|>" for i in range(1000))
    for text in (talk, talk + "<|user|>and now<|end|>", "<|user|>anew<|end|>", talk):
        assert ids([text])[0] == tokenizer.encode(text, add_special_tokens=False)
    assert counts == [1001, 1, 1, 1000]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(prompt=pieces, answer=pieces)
def test_an_answer_begins_behind_the_prompts_own_tokens(prompt: str, answer: str) -> None:
    tokenizer = bare()
    (example,) = Encoder(tokenizer).encode(completion(prompt or "x", answer + "."))
    given_ids = tokenizer.encode(prompt or "x", add_special_tokens=False)
    n = len(given_ids)
    assert example.tokens[:n].tolist() == given_ids
    assert not example.supervised[:n].any()
    assert example.supervised[n:].all()
    assert tokenizer.decode(example.tokens[n:].tolist()) == answer + ".</s>"


def test_a_token_may_not_cross_into_the_answer() -> None:
    tokenizer = bare()
    assert tokenizer.decode(tokenizer.encode("x hello")[1:2]) == " hello"
    (example,) = Encoder(tokenizer).encode(completion("x hel", "lo there"))
    assert trained(tokenizer, example) == ["lo there</s>"]
    (example,) = Encoder(tokenizer).encode(completion("x ", "hello there"))
    assert trained(tokenizer, example) == ["hello there</s>"]


def test_a_tokenizer_that_ends_every_text_does_not_end_the_prompt() -> None:
    tokenizer = bare("ends")
    (example,) = Encoder(tokenizer).encode(completion("1 +", " 1"))
    assert text_of(tokenizer, example) == "<s>1 + 1</s>"


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
def test_sentencepiece_tokenizers_put_no_space_into_the_middle(scheme: str) -> None:
    """They put one before a text's beginning, and an answer is not the beginning."""
    backend = Tokenizer(models.BPE(byte_fallback=False, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    backend.decoder = decode.Metaspace(prepend_scheme=scheme)
    trainer = trainers.BpeTrainer(
        vocab_size=120, show_progress=False, special_tokens=["<unk>", "</s>", "[INST]", "[/INST]"]
    )
    backend.train_from_iterator(["hello kitchen cup Where? hall = 0 \n"] * 4, trainer)
    backend.add_special_tokens([AddedToken(w, special=True) for w in ("[INST]", "[/INST]")])
    tokenizer = TokenizerWrapper(
        PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    )
    for prompt, answer in (
        ("Where? ", "kitchen cup"),
        ("Where?", " kitchen cup"),
        ("[INST]hello[/INST]", " cup"),
        ("hello kit", "chen"),
    ):
        (example,) = Encoder(tokenizer).encode(completion(prompt, answer))
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        assert example.tokens[: len(ids)].tolist() == ids
        begun = str(tokenizer.decode(ids))
        assert text_of(tokenizer, example) == f"{begun}{answer}</s>"
