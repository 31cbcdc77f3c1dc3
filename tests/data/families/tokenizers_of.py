"""Tiny tokenizers of the kinds in use, under any family's template."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from functools import cache
from typing import Any

from mlx_lm.tokenizer_utils import TokenizerWrapper, _infer_tool_parser
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
from tokenizers import pre_tokenizers as split
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from tests.data.families import BY_NAME, Family

KINDS = ("gpt2", "llama3", "ends", "metaspace", "prepends")
"""Byte-level; with newlines apart and a first token; with an end token, too; SentencePiece's."""

_WORDS = (
    "user assistant system tool think thinking hello there how are you I am fine sky is blue 1 + 1",
    *(
        "\n\n",
        "\n\n\n",
        "</think>\n\n",
        "<think>\n",
        "  ",
        " \n",
        '{"name": "look", "arguments": {',
    ),
)
_NEWLINES_APART = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@cache
def _backend(kind: str) -> str:
    if kind in ("metaspace", "prepends"):
        return _sentence_piece(kind)
    tokenizer = Tokenizer(models.BPE())
    if kind == "gpt2":
        tokenizer.pre_tokenizer = split.ByteLevel(add_prefix_space=False)
    else:
        apart = split.Split(Regex(_NEWLINES_APART), behavior="isolated")
        whole = split.ByteLevel(add_prefix_space=False, use_regex=False)
        tokenizer.pre_tokenizer = split.Sequence([apart, whole])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, show_progress=False, initial_alphabet=split.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([*_WORDS] * 4, trainer)
    return str(tokenizer.to_str())


def _sentence_piece(kind: str) -> str:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    end = [decoders.ByteFallback(), decoders.Fuse()]
    if kind == "metaspace":
        tokenizer.pre_tokenizer = split.Metaspace(prepend_scheme="first", split=False)
    else:
        steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        tokenizer.normalizer = normalizers.Sequence(steps)
        end.append(decoders.Strip(" ", 1, 0))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), *end])
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=480, show_progress=False, special_tokens=["<unk>", *bytes_]
    )
    tokenizer.train_from_iterator([*_WORDS] * 4, trainer)
    # the trainer made them special tokens, so that they would be there
    return _without_added(tokenizer)


def _without_added(tokenizer: Tokenizer) -> str:
    plain = json.loads(tokenizer.to_str())
    plain["added_tokens"] = [one for one in plain["added_tokens"] if one["content"] == "<unk>"]
    return json.dumps(plain)


def tokenizer_of(name: str, kind: str = "gpt2", **changes: Any) -> Any:
    """mlx-lm's wrapper around a tiny tokenizer with the tokens of a family, perhaps changed."""
    return _tokenizer_of(replace(BY_NAME[name], **changes), kind)


@cache
def _tokenizer_of(family: Family, kind: str) -> Any:
    backend = Tokenizer.from_str(_backend(kind))
    bos = (family.bos,) if family.bos else ()
    special = dict.fromkeys([*bos, family.eos, *family.special])
    backend.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in special])
    backend.add_tokens([AddedToken(t, normalized=False) for t in family.added])
    first = family.bos if family.bos and kind in ("llama3", "ends", "metaspace") else None
    last = family.eos if kind == "ends" else None
    added = [
        {"id": name, "ids": [backend.token_to_id(token)], "tokens": [token]}
        for name, token in (("first", first), ("last", last))
        if token
    ]
    if added:
        single = ["first"] * bool(first) + ["$A"] + ["last"] * bool(last)
        backend.post_processor = TemplateProcessing(single=single, special_tokens=added)
    plain = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=family.bos,
        eos_token=family.eos,
        chat_template=family.template,
    )
    stops = plain.convert_tokens_to_ids([family.eos, *family.stops])
    return TokenizerWrapper(plain, eos_token_ids=stops, **_calling(plain))


def _calling(plain: Any) -> dict[str, Any]:
    """As mlx-lm finds the parser of a model's calls."""
    found = _infer_tool_parser(plain)
    if found is None:
        return {}
    module = importlib.import_module(f"mlx_lm.tool_parsers.{found}")
    return {
        "tool_call_start": module.tool_call_start,
        "tool_call_end": module.tool_call_end,
        "tool_parser": module.parse_tool_call,
    }
