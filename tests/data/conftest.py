"""A tiny byte-level tokenizer under any chat template, and files to read."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlx_lm.tokenizer_utils import TokenizerWrapper
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

TURN_TOKENS = (
    *("<s>", "</s>", "<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "[INST]", "[/INST]"),
    *("<|User|>", "<|Assistant|>", "<|user|>", "<|assistant|>", "<|end|>"),
)
STOP_TOKENS = ("</s>", "<|im_end|>", "<end_of_turn>", "<|eot_id|>", "<|end|>")

WORDS = "user assistant system tool hello there how are you I am fine The sky is blue. 1 + 1 = 2"

MakeTokenizer = Callable[..., Any]


@pytest.fixture(scope="session")
def byte_level() -> str:
    """A byte-level BPE tokenizer (a few merges) as JSON; it encodes any text without loss."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator([WORDS, "\n\n", "\n\n\n"] * 4, trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in TURN_TOKENS])
    tokenizer.add_tokens([AddedToken(t) for t in ("<tool_call>", "</tool_call>")])
    return str(tokenizer.to_str())


@pytest.fixture(scope="session")
def make_tokenizer(byte_level: str) -> MakeTokenizer:
    """``make_tokenizer(template, …)``: mlx-lm's wrapper around the tiny tokenizer."""

    def make(
        template: str | None,
        *,
        thinking: bool = False,
        adds_bos: bool = False,
        more_stops: tuple[str, ...] = (),
    ) -> Any:
        backend = Tokenizer.from_str(byte_level)
        if thinking:
            backend.add_tokens([AddedToken(t) for t in ("<think>", "</think>")])
        if adds_bos:
            bos = ("<s>", backend.token_to_id("<s>"))
            backend.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[bos])
        plain = PreTrainedTokenizerFast(
            tokenizer_object=backend, bos_token="<s>", eos_token="</s>", chat_template=template
        )
        words = [*STOP_TOKENS, *more_stops]
        return TokenizerWrapper(plain, eos_token_ids=plain.convert_tokens_to_ids(words))

    return make


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[..., Path]:
    """``write_lines(objects, name="data.jsonl")`` writes JSON Lines and gives the path."""

    def write(objects: Sequence[Any], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(o) + "\n" for o in objects), encoding="utf-8")
        return path

    return write


@pytest.fixture
def timed() -> Callable[[float], AbstractContextManager[None]]:
    """``with timed(3):`` fails when the block takes more seconds of the processor."""

    @contextmanager
    def within(seconds: float) -> Iterator[None]:
        start = time.process_time()
        yield
        took = time.process_time() - start
        assert took < seconds, f"{took:.1f} s"

    return within
