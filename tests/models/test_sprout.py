"""The bundled backbone: it loads, it talks, and its data and recipe keep their promises."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import mlx_lm
import pytest
from mlx.utils import tree_flatten
from transformers import AutoTokenizer

from models.sprout.recipe.corpus import conversations, draw_conversation
from models.sprout.recipe.pretrain import (
    CONFIG,
    END_ID,
    PAD_ID,
    START_ID,
    Settings,
    answer_positions,
    batches,
    new_model,
    token_ids,
)
from models.sprout.recipe.robot_intents import orders, splits
from models.sprout.recipe.robot_intents.conversations import INTENTS
from models.sprout.recipe.skills import SKILLS

SPROUT = Path(splits.__file__).parents[2]
DATA = SPROUT / "data" / "robot-intents"
MEGABYTE = 1_000_000


def read_split(split: str) -> list[list[dict[str, str]]]:
    lines = (DATA / f"{split}.jsonl").read_text().splitlines()
    return [json.loads(line)["messages"] for line in lines]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(str(SPROUT))


@pytest.fixture(scope="module")
def sprout() -> Any:
    return mlx_lm.load(str(SPROUT))


# --- the model's folder ---


def test_folder_is_small_and_complete() -> None:
    assert json.loads((SPROUT / "config.json").read_text()) == CONFIG
    assert (SPROUT / "model.safetensors").stat().st_size < 12 * MEGABYTE
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 2 * MEGABYTE


def test_weights_are_finite_float32_with_a_tied_head(sprout: Any) -> None:
    weights = dict(tree_flatten(sprout[0].parameters()))
    assert "lm_head.weight" not in weights
    for name, value in weights.items():
        assert value.dtype == mx.float32, name
        assert mx.isfinite(value).all().item(), name


def test_mlx_lm_chats_with_it_and_stops(sprout: Any) -> None:
    model, tokenizer = sprout
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Say: red cup"}], add_generation_prompt=True
    )
    assert mlx_lm.generate(model, tokenizer, prompt, max_tokens=20) == "red cup"


# --- tokenizer and template ---


@pytest.mark.parametrize("text", ['{"a":"b","c":12}\n- x', "Grüße, 世界 🌱", "  two  spaces\t", ""])
def test_tokenizer_round_trips_any_text(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens(tokenizer: Any) -> None:
    assert tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]) == [
        PAD_ID,
        START_ID,
        END_ID,
    ]
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (PAD_ID, END_ID)
    assert len(tokenizer) == CONFIG["vocab_size"]


def test_template_appends_only(tokenizer: Any) -> None:
    """The text of the first turns is a prefix of the text of all: loss masks rely on it."""
    messages = [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "Three"},
    ]
    whole = tokenizer.apply_chat_template(messages, tokenize=False)
    for end in range(1, len(messages)):
        part = tokenizer.apply_chat_template(messages[:end], tokenize=False)
        assert whole.startswith(part)
    prompt = tokenizer.apply_chat_template(
        messages[:-1], tokenize=False, add_generation_prompt=True
    )
    assert whole == f"{prompt}Three<|im_end|>\n"


@pytest.mark.parametrize("system", [[], [{"role": "system", "content": "Rules."}]])
def test_template_renders_tools_and_tool_calls(tokenizer: Any, system: list[Any]) -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {"at": "cup"}}}
    messages = [
        *system,
        {"role": "user", "content": "Look"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    text = tokenizer.apply_chat_template(messages, tools=[{"name": "look"}], tokenize=False)
    assert text.startswith("<|im_start|>system\n")
    assert text.count("<|im_start|>system") == 1
    assert 'Tools:\n{"name": "look"}<|im_end|>' in text
    assert text.endswith('{"name":"look","arguments":{"at": "cup"}}<|im_end|>\n')


# --- robot-intents ---


def test_data_is_what_the_recipe_writes(tmp_path: Path) -> None:
    splits.write_robot_intents(tmp_path, seed=0)
    for split, size in splits.SPLITS.items():
        written = (tmp_path / f"{split}.jsonl").read_text()
        assert written == (DATA / f"{split}.jsonl").read_text()
        assert len(written.splitlines()) == size


@pytest.mark.parametrize(
    ("color", "reason"), [("red", "without a new combination"), ("gold", "that training lacks")]
)
def test_what_the_test_split_must_hold_is_checked(color: str, reason: str) -> None:
    """As it is whenever the files are written: combinations are new, and single values are not."""

    def row(color: str) -> list[dict[str, str]]:
        said = {"intent": "fetch", "item": "cup", "color": color}
        return [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": json.dumps(said)},
        ]

    with pytest.raises(ValueError, match=reason):
        splits.check_splits({"train": [row("red")], "valid": [], "test": [row(color)]})


def test_no_conversation_occurs_twice() -> None:
    rows = [json.dumps(row) for split in splits.SPLITS for row in read_split(split)]
    assert len(set(rows)) == len(rows)


def test_answers_are_canonical_and_conversations_short(tokenizer: Any) -> None:
    intents = set()
    lengths = []
    for split in splits.SPLITS:
        for messages in read_split(split):
            roles = [message["role"] for message in messages if message["role"] != "system"]
            assert roles == ["user", "assistant"] * (len(roles) // 2)
            for message in messages:
                if message["role"] == "assistant":
                    slots = json.loads(message["content"])
                    assert json.dumps(slots, separators=(",", ":")) == message["content"]
                    keys = [key for key in orders.SLOT_ORDER if key in slots]
                    assert keys == list(slots)
                    intents.add(slots["intent"])
            lengths.append(len(token_ids(tokenizer, tuple(messages))))
    assert intents == {*INTENTS, "refuse"}
    assert sorted(lengths)[len(lengths) // 2] <= 60
    assert max(lengths) < 200


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"intent": "fetch", "item": "knife", "place": "garden"}, "dangerous"),
        ({"intent": "put", "item": "sofa", "place": "hall"}, "too heavy"),
        ({"intent": "fetch", "item": "cat", "color": "red"}, "alive"),
        ({"intent": "go", "place": "garden", "person": "Tom"}, "outside"),
        ({"intent": "go", "place": "hall", "person": "Tom"}, None),
    ],
)
def test_refusals(order: orders.Order, reason: str | None) -> None:
    slots = json.loads(orders.answer(order))
    assert slots.get("reason") == reason
    assert slots["intent"] == ("refuse" if reason else order["intent"])


def test_things_are_named_as_they_were_said() -> None:
    order: orders.Order = {"intent": "fetch", "item": "knife", "count": 3}
    assert json.loads(orders.answer(order))["item"] == "knives"


# --- the recipe ---


def test_corpus_is_fixed_by_seed_and_stream() -> None:
    def first(seed: int, stream: str) -> list[Any]:
        source = conversations(seed, stream)
        return [next(source) for _ in range(20)]

    assert first(0, "train") == first(0, "train")
    assert first(0, "train") != first(0, "held-out")
    assert first(0, "train") != first(1, "train")


@pytest.mark.parametrize("name", sorted(SKILLS))
def test_every_skill_draws_chat_turns(name: str) -> None:
    rng = Random(0)
    for _ in range(30):
        conversation = draw_conversation(rng, last=SKILLS[name])
        assert conversation.skill == name
        roles = [message["role"] for message in conversation.messages]
        turns = roles[1:] if roles[0] == "system" else roles
        assert turns == ["user", "assistant"] * (len(turns) // 2)
        assert all(message["content"] for message in conversation.messages)


def test_pretraining_text_is_not_the_robot_task() -> None:
    """No answer in the corpus uses the JSON keys of robot-intents."""
    source = conversations(0, "train")
    for _ in range(2000):
        for message in next(source).messages:
            assert '"intent":' not in message["content"]
            assert '"device":' not in message["content"]


def test_learnt_tokens_are_exactly_what_assistants_write(tokenizer: Any) -> None:
    messages = (
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "Three"},
        {"role": "assistant", "content": "Four"},
    )
    ids = token_ids(tokenizer, messages)
    chosen = answer_positions(ids, tokenizer.convert_tokens_to_ids("assistant"))
    assert tokenizer.decode([ids[position] for position in chosen]) == "Two<|im_end|>Four<|im_end|>"


def test_batches_have_few_shapes_and_point_at_answers(tokenizer: Any) -> None:
    settings = Settings(batch_tokens=256)
    source = batches(tokenizer, settings, "train")
    for _ in range(10):
        batch = next(source)
        width = batch.tokens.shape[1] - 1
        assert width % settings.length_step == 0
        assert batch.tokens.shape[0] * width <= max(settings.batch_tokens, width)
        assert batch.positions.shape == batch.weights.shape
        targets = batch.tokens[:, 1:].reshape(-1)[batch.positions]
        learnt = [t for t, w in zip(targets.tolist(), batch.weights.tolist(), strict=True) if w]
        assert learnt.count(END_ID) >= batch.tokens.shape[0]
        assert not {PAD_ID, START_ID} & set(learnt)


def test_planted_circuit_copies_before_any_training(tokenizer: Any) -> None:
    """Random tokens twice over: the second half is far likelier than the first."""
    model = new_model(tokenizer, seed=0)
    once = mx.random.randint(3, CONFIG["vocab_size"], (16, 20), key=mx.random.key(1))
    tokens = mx.concatenate([once, once], axis=1)
    losses = nn.losses.cross_entropy(model(tokens[:, :-1]), tokens[:, 1:])
    assert losses[:, 20:].mean().item() < losses[:, :18].mean().item() - 2.0
