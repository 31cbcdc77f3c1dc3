"""Answers to validation examples: the models' own, and nothing else is touched."""

import json
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx_lm.utils import load_model, load_tokenizer

from shadow_mlx.config import SamplingConfig, ShadowConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.generation.asking import Asker, Question
from shadow_mlx.generation.decode import decode
from shadow_mlx.shadow.attached import attach
from shadow_mlx.training import samples
from shadow_mlx.training.samples import Sampler, choose_questions
from tests.tiny import write_tiny_backbone

MAX_TOKENS = 6  # what is tested is the same for all 64, and takes its time


@pytest.fixture(autouse=True)
def short_answers(monkeypatch):
    monkeypatch.setattr(samples, "MAX_TOKENS", MAX_TOKENS)


@pytest.fixture
def tokenizer(tiny_backbone):
    return load_tokenizer(tiny_backbone)


def question(tokenizer, text: str = "say aaa", expected: str = "aaaa") -> Question:
    return Question(1, text, tuple(tokenizer.encode(text)), expected)


def write(path: Path, records: list[dict]) -> JsonLines:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return JsonLines(path)


def chat(*turns: str) -> dict:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(turns)]}


def test_the_answers_are_those_of_both_models(make_model, tokenizer):
    model = make_model()
    asked = question(tokenizer)
    (sampled,) = Sampler(model, tokenizer, Asker(ChatFormat(tokenizer)), [asked])(7)
    assert (sampled.step, sampled.example) == (7, 1)
    assert (sampled.prompt, sampled.expected) == ("say aaa", "aaaa")
    model.eval()
    limit = SamplingConfig(max_tokens=MAX_TOKENS)
    for mode, text in ((model, sampled.attached), (model.detached(), sampled.detached)):
        answer = decode(mode, tokenizer, asked.prompt, limit)
        assert text == answer.text + ("…" if answer.finish_reason == "length" else "")
    assert sampled.attached != sampled.detached


def test_nothing_that_training_depends_on_is_touched(make_model, tokenizer):
    model = make_model(dropout=0.5)
    sampler = Sampler(model, tokenizer, Asker(ChatFormat(tokenizer)), [question(tokenizer)])
    mx.random.seed(5)
    state = [part.tolist() for part in mx.random.state]
    big = mx.zeros(20_000_000)
    mx.eval(big)
    del big
    peak = mx.get_peak_memory()
    first = sampler(0)[0]
    assert [part.tolist() for part in mx.random.state] == state
    assert mx.get_peak_memory() >= peak
    assert model.training
    again = sampler(0)[0]
    assert (again.attached, again.detached) == (first.attached, first.detached)


def test_gradient_checkpointing_changes_no_answer(make_model, tokenizer):
    model = make_model()
    sampler = Sampler(model, tokenizer, Asker(ChatFormat(tokenizer)), [question(tokenizer)])
    (plain,) = sampler(0)
    model.recompute_activations()
    (recomputed,) = sampler(0)
    assert recomputed.attached == plain.attached


def test_a_quantized_backbone_answers(tiny_backbone, tokenizer):
    def fits(name: str, layer: nn.Module) -> bool:
        return hasattr(layer, "to_quantized") and "down_proj" not in name

    backbone, config = load_model(tiny_backbone)
    nn.quantize(backbone, 32, 4, class_predicate=fits)
    model = attach(backbone, config, ShadowConfig(rank=4))
    (sampled,) = Sampler(model, tokenizer, Asker(ChatFormat(tokenizer)), [question(tokenizer)])(0)
    assert sampled.attached


def test_the_expected_answer_is_cut_off_where_an_answer_would_be(make_model, tokenizer):
    long = question(tokenizer, "x" * 2000, "b" * 100)
    (sampled,) = Sampler(make_model(), tokenizer, Asker(ChatFormat(tokenizer)), [long])(0)
    assert sampled.expected == "b" * MAX_TOKENS + "…"
    assert len(sampled.prompt) < 700
    assert sampled.prompt.endswith("…")


def test_an_answer_that_is_given_up_is_not_told(make_model, tokenizer):
    sampler = Sampler(
        make_model(),
        tokenizer,
        Asker(ChatFormat(tokenizer)),
        [question(tokenizer), question(tokenizer)],
    )
    asked = []

    def abandoned() -> bool:
        asked.append(True)
        return len(asked) > limit

    limit = 10**6
    assert [sampled.example for sampled in sampler(0, abandoned)] == [1, 2]
    limit, asked = len(asked) - 1, []  # in the middle of the last answer
    assert [sampled.example for sampled in sampler(0, abandoned)] == [1]
    assert sampler(0, lambda: True) == []


def test_examples_are_spread_over_the_file(tokenizer, tmp_path):
    records = write(tmp_path / "d.jsonl", [chat(f"ask {i}", f"say {i}") for i in range(10)])
    asker = Asker(ChatFormat(tokenizer))
    assert [q.shown for q in choose_questions(records, asker, 2, 100)] == ["ask 0", "ask 5"]
    assert len(choose_questions(records, Asker(ChatFormat(tokenizer)), 30, 100)) == 10
    assert choose_questions(records, Asker(ChatFormat(tokenizer)), 0, 100) == []


def test_what_cannot_be_asked_is_passed_over(tokenizer, tmp_path):
    records = write(
        tmp_path / "d.jsonl",
        [
            chat("last", "word", "thanks"),
            chat("x" * 500, "too long"),
            chat("first", "one", "second", "two"),
        ],
    )
    (chosen,) = choose_questions(records, Asker(ChatFormat(tokenizer)), 1, 100)
    assert (chosen.line, chosen.shown, chosen.expected) == (3, "second", "two")


def test_a_text_is_asked_to_be_continued(tokenizer, tmp_path):
    records = write(tmp_path / "d.jsonl", [{"text": "word"}, {"text": "once upon a time"}])
    assert [q.line for q in choose_questions(records, Asker(ChatFormat(tokenizer)), 1, 100)] == [2]


def test_a_template_that_refuses_leaves_no_question(tmp_path):
    template = "{{ raise_exception('no') if add_generation_prompt else 'x' }}"
    folder = write_tiny_backbone(tmp_path / "picky", chat_template=template)
    records = write(tmp_path / "d.jsonl", [chat("ask", "say")])
    assert choose_questions(records, Asker(ChatFormat(load_tokenizer(folder))), 1, 100) == []
