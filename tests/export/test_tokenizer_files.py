"""A cut tokenizer divides a text as the whole one does, where all its tokens are kept."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from shadow_mlx.errors import InputError
from shadow_mlx.export.tokenizer_files import CutTokenizer, copy_tokenizer, renumbered

SPROUT = Path("models/sprout").resolve()
WORDS = ["put", "the", "red", "shoe", "into", "kitchen", "bedroom", "please", "now", "puts", "re"]
TEXTS = [" ".join(random.Random(i).choices(WORDS, k=6)) for i in range(200)]


def trained(kind: str) -> Tokenizer:
    """A tokenizer of one kind, trained on the texts."""
    special = ["<s>", "</s>", "<unk>", "<unused0>"]
    if kind == "bytes":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer: Any = trainers.BpeTrainer(
            vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        )
    elif kind == "fallback":
        made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
        trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=pieces, show_progress=False)
    else:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=80, special_tokens=special, unk_token="<unk>", show_progress=False
        )
    made.train_from_iterator(TEXTS, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", made.token_to_id("<s>"))]
    )
    made.add_special_tokens([AddedToken("<|turn|>", special=True)])
    return made


def written(made: Tokenizer, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    named = {"eos_token": "</s>", "additional_special_tokens": ["<|turn|>", "<unused0>"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    return folder


@pytest.mark.parametrize("kind", ["bytes", "fallback", "unigram"])
def test_texts_of_kept_tokens_are_divided_as_before(kind: str, tmp_path: Path) -> None:
    whole = trained(kind)
    cut = CutTokenizer(written(whole, tmp_path / "whole"), "{{ messages }}")
    used = {number for text in TEXTS[:3] for number in whole.encode(text).ids}
    kept = cut.kept(used, [whole.token_to_id("</s>")], whole.get_vocab_size())
    (tmp_path / "cut").mkdir()
    cut.write(tmp_path / "cut", kept)
    small = Tokenizer.from_file(str(tmp_path / "cut" / "tokenizer.json"))
    assert small.get_vocab_size() == len(kept) < whole.get_vocab_size()
    compared = 0
    for text in TEXTS:
        expected = whole.encode(text)
        if kept.keys() >= set(expected.ids):
            found = small.encode(text)
            assert found.tokens == expected.tokens
            assert found.ids == [kept[number] for number in expected.ids]
            compared += 1
    assert compared >= 3
    assert small.decode(small.encode(TEXTS[0]).ids) == whole.decode(whole.encode(TEXTS[0]).ids)
    assert small.token_to_id("<|turn|>") == kept[whole.token_to_id("<|turn|>")]
    assert small.token_to_id("<unused0>") is None
    named = json.loads((tmp_path / "cut" / "tokenizer_config.json").read_text())
    assert named == {"eos_token": "</s>", "additional_special_tokens": ["<|turn|>"]}


@settings(max_examples=60)
@given(used=st.lists(st.sampled_from(TEXTS + WORDS), max_size=3), text=st.text(max_size=20))
def test_whatever_is_kept_any_text_can_be_written(used: list[str], text: str) -> None:
    folder = SPROUT
    whole = Tokenizer.from_file(str(folder / "tokenizer.json"))
    cut = CutTokenizer(folder, "")
    kept = cut.kept({n for one in used for n in whole.encode(one).ids}, [], 2048)
    small = Tokenizer.from_str(json.dumps(cut._cut(kept)))
    for one in (*used, text):
        expected, found = whole.encode(one), small.encode(one)
        assert small.decode(found.ids, skip_special_tokens=False) == whole.decode(
            expected.ids, skip_special_tokens=False
        )
        if kept.keys() >= set(expected.ids):
            assert found.tokens == expected.tokens


def test_tokens_beyond_the_models_table_are_left_out() -> None:
    kept = CutTokenizer(SPROUT, "").kept([5, 2047], [2], rows=1000)
    assert max(kept) < 1000
    assert list(kept.values()) == list(range(len(kept)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no tokenizer.json"),
        ({"model": {"type": "WordPiece", "vocab": {}}, "added_tokens": []}, "WordPiece is not cut"),
        ({"model": {"type": "BPE", "continuing_subword_prefix": "##"}}, "BPE is not cut"),
    ],
)
def test_what_cannot_be_cut_is_refused(
    content: dict[str, Any] | None, says: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=says):
        CutTokenizer(tmp_path, "")


def test_numbers_in_settings() -> None:
    found = renumbered(
        {
            "eos_token_id": [2, 9], "bos_token_id": 1, "pad_token_id": None, "image_token_id": 8,
            "suppress_tokens": [1], "hidden_size": 2, "text_config": {"eos_token_id": 2},
        },
        {1: 0, 2: 1},
    )  # fmt: skip
    assert found == {
        "eos_token_id": [1], "bos_token_id": 0, "pad_token_id": None, "hidden_size": 2,
        "text_config": {"eos_token_id": 1},
    }  # fmt: skip


def test_files_are_copied_to_the_byte_and_code_only_where_it_is_trusted(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(
        SPROUT, source, ignore=shutil.ignore_patterns("*.safetensors", "data", "recipe")
    )
    (source / "tokenization_own.py").write_text("x = 1\n")
    (source / "notes.txt").write_text("mine")
    names = {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}
    for trusted, expected in ((False, names), (True, {*names, "tokenization_own.py"})):
        target = tmp_path / str(trusted)
        target.mkdir()
        copy_tokenizer(source, target, with_code=trusted)
        assert {path.name for path in target.iterdir()} == expected
        for path in target.iterdir():
            assert path.read_bytes() == (source / path.name).read_bytes()
