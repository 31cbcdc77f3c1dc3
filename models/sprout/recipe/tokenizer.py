"""Trains sprout's byte-level BPE tokenizer on the generated text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from .corpus import conversations
from .skills.lists import ANY_WORD

VOCABULARY_SIZE = 2048
TRAINING_CONVERSATIONS = 60_000
#: How often each word of the skills is shown in quotes, beside the conversations.
WORD_REPEATS = 40
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
#: Words, single digits and runs of punctuation, each with the space before it; then spaces.
SPLIT = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]|\s+(?!\S)|\s+"
MAX_LENGTH = 1024


def training_text(seed: int) -> Iterator[str]:
    """Roles and contents of messages; and each known word often enough to become a token."""
    for word in ANY_WORD:
        yield f'"{word}" ' * WORD_REPEATS
    for conversation in islice(conversations(seed, "tokenizer"), TRAINING_CONVERSATIONS):
        for message in conversation.messages:
            yield message["role"]
            yield message["content"]


def train_tokenizer(seed: int) -> Tokenizer:
    """A byte-level BPE tokenizer whose first ids are the special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_text(seed), trainer)
    return tokenizer


def save_tokenizer(folder: Path, seed: int) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` into ``folder``."""
    train_tokenizer(seed).save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "eos_token": END,
        "bos_token": None,
        "unk_token": None,
        "additional_special_tokens": [START, END],
        "model_max_length": MAX_LENGTH,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
