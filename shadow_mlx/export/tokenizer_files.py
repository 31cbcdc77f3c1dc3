"""A tokenizer's files in the exported folder: as they are, or with a part of the vocabulary."""

from __future__ import annotations

import copy
import itertools
import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from shadow_mlx.errors import InputError
from shadow_mlx.files.json_files import read_object
from shadow_mlx.files.writing import atomic_file, write_text

PATTERNS = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "tiktoken.model", "*.tiktoken", "vocab.json", "vocab.txt", "merges.txt",
    "chat_template.jinja", "chat_template.json",
)  # fmt: skip
CODE = "tokenization_*.py"  # of tokenizers that are code; trusted, or it was not loaded
_SAME_WITHOUT = ("chat_template.jinja", "chat_template.json")  # of these files, any vocabulary
_PLACEHOLDER = re.compile(r"unused|reserved", re.IGNORECASE)

Kept = Mapping[int, int]
"""The new number of each token that is kept, by its old one."""


def copy_tokenizer(source: Path, target: Path, *, with_code: bool) -> None:
    """The files as they are, to the byte.

    Raises:
        SurroundingsError: The disk is full or otherwise refuses.
    """
    patterns = (*PATTERNS, CODE) if with_code else PATTERNS
    for path in sorted({path for pattern in patterns for path in source.glob(pattern)}):
        with path.open("rb") as old, atomic_file(target / path.name) as new:
            shutil.copyfileobj(old, new)


class CutTokenizer:
    """A ``tokenizer.json`` that knows a part of its tokens, under new numbers.

    A text whose tokens are all kept is divided as before: with each token of a byte-pair encoding
    go the merges that lead to it, and no other; in a unigram model, the best way to divide a text
    stays the best among fewer.

    Args:
        folder: The tokenizer's folder.
        template: Its chat template.

    Raises:
        InputError: It is of a kind that cannot be cut; says why.
    """

    def __init__(self, folder: Path, template: str) -> None:
        self.folder = folder
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise InputError(
                "--vocabulary: this model's tokenizer has no tokenizer.json, the one form that can "
                "be cut; leave --vocabulary out"
            )
        self.content: dict[str, Any] = read_object(path)
        self.model: dict[str, Any] = self.content["model"]
        self.template = template
        kind = self.model.get("type", "BPE")
        if kind not in ("BPE", "Unigram") or self.model.get("continuing_subword_prefix"):
            raise InputError(
                f"--vocabulary: a tokenizer of the kind {kind} is not cut, only byte-pair "
                "encodings without prefixes and unigram models; leave --vocabulary out"
            )
        pieces = self.model["vocab"]
        if kind == "BPE":
            self.numbers: dict[str, int] = dict(pieces)
        else:
            self.numbers = {piece: number for number, (piece, _) in enumerate(pieces)}
        self.added = {token["content"]: int(token["id"]) for token in self.content["added_tokens"]}
        self.texts = {number: text for text, number in {**self.numbers, **self.added}.items()}

    def kept(self, used: Iterable[int], ends: Collection[int], rows: int) -> dict[int, int]:
        """The tokens to keep, with their new numbers, in the old order.

        Args:
            used: Tokens of the data.
            ends: Tokens that end an answer.
            rows: Of the model's table; some tokenizers know tokens beyond (for images).
        """
        found = {*used, *ends, *self._always()}
        if self.model.get("type", "BPE") == "BPE":
            found |= self._parts({self.texts[number] for number in found if number in self.texts})
        found = {number for number in found if number < rows}
        return {old: new for new, old in enumerate(sorted(found))}

    def write(self, target: Path, kept: Kept) -> None:
        """The tokenizer's files with the tokens that are kept.

        Raises:
            SurroundingsError: The disk is full or otherwise refuses.
        """
        _write(target / "tokenizer.json", self._cut(kept))
        texts = {self.texts[number] for number in kept}
        gone = {text for text in self.added if text not in texts}
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            if (self.folder / name).is_file():
                _write(target / name, _settings(read_object(self.folder / name), kept, gone))
        for name in _SAME_WITHOUT:
            if (self.folder / name).is_file():
                with atomic_file(target / name) as file:
                    file.write((self.folder / name).read_bytes())

    def _always(self) -> set[int]:
        """Tokens without which some text could not be written, or the template not be rendered."""
        found = {
            number
            for text, number in self.added.items()
            if not _PLACEHOLDER.search(text) or text in self.template
        }
        if '"ByteLevel"' in json.dumps([self.content.get(k) for k in ("pre_tokenizer", "decoder")]):
            from tokenizers.pre_tokenizers import ByteLevel

            found |= {self.numbers[c] for c in ByteLevel.alphabet() if c in self.numbers}
        bytes_of = (f"<0x{byte:02X}>" for byte in range(256))
        found |= {self.numbers[piece] for piece in bytes_of if piece in self.numbers}
        unknown = self.model.get("unk_token")
        if unknown in self.numbers:
            found.add(self.numbers[unknown])
        if isinstance(self.model.get("unk_id"), int):
            found.add(self.model["unk_id"])
        found |= set(_processor_ids(self.content.get("post_processor")))
        if isinstance(padding := self.content.get("padding"), dict):
            found.add(int(padding["pad_id"]))
        return found

    def _parts(self, texts: Collection[str]) -> set[int]:
        """What the merges go through on their way to each of the texts."""
        ranks = {pair: rank for rank, pair in enumerate(map(_pair, self.model["merges"]))}
        found: set[int] = set()
        for text in texts:
            if text not in self.numbers:
                continue
            symbols = list(text)
            while True:
                found |= {self.numbers[one] for one in symbols if one in self.numbers}
                pairs = [(ranks[p], i) for i, p in enumerate(_neighbours(symbols)) if p in ranks]
                if not pairs:
                    break
                _, at = min(pairs)
                symbols[at : at + 2] = ["".join(symbols[at : at + 2])]
        return found

    def _cut(self, kept: Kept) -> dict[str, Any]:
        content = copy.deepcopy(self.content)
        model = content["model"]
        if model.get("type", "BPE") == "BPE":
            vocab = {text: kept[old] for text, old in self.numbers.items() if old in kept}
            model["vocab"] = dict(sorted(vocab.items(), key=lambda item: item[1]))
            model["merges"] = [
                merge
                for merge in model["merges"]
                if all(text in vocab for text in (*_pair(merge), "".join(_pair(merge))))
            ]
        else:
            model["vocab"] = [piece for i, piece in enumerate(model["vocab"]) if i in kept]
            if isinstance(model.get("unk_id"), int):
                model["unk_id"] = kept[model["unk_id"]]
        content["added_tokens"] = [
            token | {"id": kept[token["id"]]}
            for token in content["added_tokens"]
            if token["id"] in kept
        ]
        _renumber_processor(content.get("post_processor"), kept)
        if isinstance(padding := content.get("padding"), dict):
            padding["pad_id"] = kept[int(padding["pad_id"])]
        return content


def renumbered(settings: Mapping[str, Any], kept: Kept) -> dict[str, Any]:
    """A ``config.json`` or ``generation_config.json`` with the tokens' new numbers.

    What names a token that is gone is left out.
    """
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name.endswith(_LISTS):
            continue
        if not _TOKEN.search(name) or value is None:
            found[name] = renumbered(value, kept) if isinstance(value, dict) else value
        elif isinstance(value, list):
            found[name] = [kept[one] for one in value if one in kept]
        elif value in kept:
            found[name] = kept[value]
    return found


_TOKEN = re.compile(r"(^|_)token_(id|ids|index)$")
_LISTS = ("suppress_tokens", "bad_words_ids", "forced_decoder_ids", "sequence_bias")


def _pair(merge: str | list[str]) -> tuple[str, str]:
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _neighbours(symbols: list[str]) -> Iterable[tuple[str, str]]:
    return itertools.pairwise(symbols)


def _processor_ids(processor: Any) -> Iterable[int]:
    if not isinstance(processor, dict):
        return
    for inner in processor.get("processors", ()):
        yield from _processor_ids(inner)
    for token in (processor.get("special_tokens") or {}).values():
        yield from map(int, token["ids"])
    for name in ("sep", "cls"):
        if isinstance(processor.get(name), list):
            yield int(processor[name][1])


def _renumber_processor(processor: Any, kept: Kept) -> None:
    if not isinstance(processor, dict):
        return
    for inner in processor.get("processors", ()):
        _renumber_processor(inner, kept)
    for token in (processor.get("special_tokens") or {}).values():
        token["ids"] = [kept[one] for one in token["ids"]]
    for name in ("sep", "cls"):
        if isinstance(processor.get(name), list):
            processor[name][1] = kept[processor[name][1]]


def _settings(settings: Mapping[str, Any], kept: Kept, gone: Collection[str]) -> dict[str, Any]:
    """Without the tokens that are gone: transformers would add them again, behind the others."""

    def text_of(token: Any) -> Any:
        return token.get("content") if isinstance(token, dict) else token

    found: dict[str, Any] = {}
    for name, value in settings.items():
        if name == "added_tokens_decoder":
            found[name] = {str(kept[int(i)]): t for i, t in value.items() if int(i) in kept}
        elif name in ("additional_special_tokens", "extra_special_tokens"):
            if isinstance(value, dict):
                found[name] = {k: t for k, t in value.items() if text_of(t) not in gone}
            else:
                found[name] = [token for token in value if text_of(token) not in gone]
        elif not (name.endswith("_token") and text_of(value) in gone):
            found[name] = value
    return found


def _write(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
