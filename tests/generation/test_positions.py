"""The end of a model's positions: never passed without a word, and never with rubbish."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten

from shadow_mlx.cli.chosen_model import cost
from shadow_mlx.cli.main import main
from shadow_mlx.config import SamplingConfig
from shadow_mlx.errors import InputError
from shadow_mlx.generation.decode import answer_greedily, decode
from shadow_mlx.jobs import compare
from shadow_mlx.loading import load
from shadow_mlx.shadow.reach import positions_of
from tests.tiny import write_tiny_backbone

POSITIONS = 64


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 with 64 learned positions; it never ends an answer by itself."""
    from mlx_lm.models.gpt2 import Model, ModelArgs

    folder = write_tiny_backbone(tmp_path_factory.mktemp("gpt2") / "m")
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    config = {
        "model_type": "gpt2",
        "n_ctx": POSITIONS,
        "n_positions": POSITIONS,
        "n_embd": 32,
        "n_head": 4,
        "n_layer": 2,
        "layer_norm_epsilon": 1e-5,
        "vocab_size": size,
    }
    mx.random.seed(1)
    weights = dict(tree_flatten(Model(ModelArgs.from_dict(config)).parameters()))
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_chats(path: Path, lengths: list[int]) -> Path:
    lines = [
        {
            "messages": [
                {"role": "user", "content": "a" * length},
                {"role": "assistant", "content": "b"},
            ]
        }
        for length in lengths
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_an_answer_ends_where_the_positions_do(gpt2: Path) -> None:
    model, tokenizer = load(gpt2, mode="base")
    tokenizer.eos_token_ids = set()
    answer = decode(model, tokenizer, [5] * 60, SamplingConfig(max_tokens=50))
    assert (len(answer.tokens), answer.finish_reason) == (4, "length")
    assert answer.beyond
    assert "cut at the model's end" in cost(answer)
    assert f"{POSITIONS} positions" in cost(answer)
    for call in (
        lambda: decode(model, tokenizer, [5] * 64, SamplingConfig(max_tokens=5)),
        lambda: decode(model, tokenizer, [5], SamplingConfig(max_tokens=5), cached_tokens=70),
        lambda: answer_greedily(model, tokenizer, [5] * 64, 5),
    ):
        with pytest.raises(InputError, match=r"the model has 64 positions \(n_positions"):
            call()


def test_rotary_positions_only_warn(tiny_backbone: Path, tmp_path: Path) -> None:
    short = write_tiny_backbone(tmp_path / "m", max_position_embeddings=16)
    model, tokenizer = load(short, mode="base")
    answer = decode(model, tokenizer, [5] * 20, SamplingConfig(max_tokens=2))
    assert answer.beyond
    assert "22 tokens, and the model was trained for 16 positions" in cost(answer)


def test_training_cuts_there_and_says_so(
    gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_chats(tmp_path / "d.jsonl", [2, 2, 2, 2, 2, 2, 2, 100])
    adapter = str(tmp_path / "a")
    flags = ["--iters", "2", "--batch-size", "2", "--steps-per-report", "1", "--samples", "0"]
    code = main(
        ["train", "--model", str(gpt2), "--data", str(data), "--adapter-path", adapter, *flags]
    )
    err = capsys.readouterr().err
    assert code == 0, err
    assert "the model has 64 positions (n_positions in its config.json): examples are cut" in err
    loaded, _ = load(None, adapter)
    limit = positions_of(loaded)
    assert limit is not None
    assert (limit.tokens, limit.hard) == (POSITIONS, True)
    assert positions_of(loaded.detached()) == limit

    comparison = compare(data, [adapter], max_tokens=100)
    assert [question.line for question in comparison.questions] == [1, 2, 3, 4, 5, 6, 7]
    (note,) = [note for note in comparison.notes if "left out" in note]
    assert "1 question is longer" in note
    assert all(result.loss < 100 for result in comparison.results)


def test_a_question_needs_room_for_the_longest_label(gpt2: Path, tmp_path: Path) -> None:
    data = tmp_path / "labels.jsonl"
    around = 19  # tokens of the template around a text; a letter is a token
    longest = "a long label"
    room = POSITIONS - around - len(longest) - 1  # its end is a token, too
    lines = [{"text": "x" * room, "label": "short"}, {"text": "y" * (room + 1), "label": longest}]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    comparison = compare(data, [], modes=["base"], model=str(gpt2), score="labels")
    assert [question.line for question in comparison.questions] == [1]
    assert any("1 question is longer, and left out" in note for note in comparison.notes)


def test_data_check_and_show_name_the_limit(
    gpt2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = str(write_chats(tmp_path / "d.jsonl", [2, 100]))
    assert main(["data", "check", data, "--model", str(gpt2)]) == 0
    out = capsys.readouterr().out
    assert "--max-seq-length 65 cuts 1 of 2" in out
    assert "the model has 64 positions" in out


def test_no_advice_on_rates_before_anything_was_trained(
    tiny_backbone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_tiny_backbone(tmp_path / "m")
    weights = mx.load(str(broken / "model.safetensors"))
    weights["model.norm.weight"] = mx.full(weights["model.norm.weight"].shape, mx.inf)
    mx.save_safetensors(str(broken / "model.safetensors"), dict(weights), {"format": "pt"})
    data = write_chats(tmp_path / "d.jsonl", [2] * 6)
    arguments = ["train", "--model", str(broken), "--data", str(data), "--samples", "0"]
    code: Any = main([*arguments, "--adapter-path", str(tmp_path / "a"), "--iters", "2"])
    err = capsys.readouterr().err
    assert code == 2 or code == 3, err
    assert "Nothing has been trained yet" in err
    assert "--learning-rate" not in err
