"""A comparison that chooses labels: which there are, their ids, and what is chosen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from shadow_mlx.config import ColumnConfig, CompareConfig, DataConfig, TrainConfig
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.data.tokens import Encoder
from shadow_mlx.errors import DataError, InputError
from shadow_mlx.evaluation import choice as module
from shadow_mlx.evaluation.choice import CONTENT_FREE, Choice, labels_of
from shadow_mlx.evaluation.figures import remarks
from shadow_mlx.evaluation.questions import questions_of
from shadow_mlx.generation.asking import Asker
from shadow_mlx.jobs import compare, train
from shadow_mlx.loading import load
from shadow_mlx.runs.events import StopToken
from tests.evaluation.conftest import CHATS
from tests.runs.fake_run import write_story
from tests.tiny import write_tiny_backbone

ROWS = [
    {"text": "I love it", "label": "good"},
    {"text": "It broke", "label": "bad"},
    {"text": "It is a lamp", "label": "so so"},
    {"text": "It broke again", "label": "bad", "system": "Be brief."},
]
LABELS = ("bad", "good", "so so")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write(tmp_path / "reviews.jsonl", ROWS)


def asked(data: Path, options: CompareConfig) -> tuple[tuple[str, ...], list[str]]:
    return labels_of(JsonLines(data, options.columns), options)


def made(data: Path, backbone: Path, *, calibrate: bool = False, **columns: Any) -> Choice:
    _, tokenizer = load(str(backbone), None, "base")
    records, encoder = JsonLines(data, ColumnConfig(**columns)), Encoder(tokenizer, DataConfig())
    asker = Asker(encoder.format)
    questions = questions_of(records, asker)
    return Choice(LABELS, records, questions, encoder, asker, calibrate=calibrate)


def test_the_labels_are_the_answers_of_the_whole_file(reviews: Path, chats: Path) -> None:
    options = CompareConfig(score="labels", modes=("base",), limit=1)
    assert asked(reviews, options) == (LABELS, ["chosen from 3 labels"])
    assert asked(chats, options)[0] == tuple(sorted(answer for _, answer in CHATS))
    assert asked(reviews, CompareConfig()) == ((), [])
    (note,) = asked(reviews, CompareConfig(calibrate=True))[1]
    assert note.startswith("--calibrate weighs labels")


def test_what_an_adapter_was_trained_on_adds_its_labels(reviews: Path, tmp_path: Path) -> None:
    trained = write(tmp_path / "mine.jsonl", [{"t": "x", "l": "bad"}, {"t": "y", "l": "awful"}])
    other = write(tmp_path / "other.jsonl", [{"text": "x", "label": "cat"}])
    named = {"text_feature": "t", "label_feature": "l"}
    adapters = (
        write_story(tmp_path / "a", [], {"data": str(trained), **named}),
        write_story(tmp_path / "b", [], {"data": str(other)}),
        write_story(tmp_path / "c", [], {"data": "owner/not-here"}),
    )
    options = CompareConfig(score="labels", adapter_path=tuple(map(str, adapters)))
    labels, notes = asked(reviews, options)
    assert labels == ("awful", *LABELS)
    assert notes[0] == "chosen from 4 labels"
    (left_out,) = notes[1:]
    assert left_out.startswith("none of the labels is an answer of")
    assert "other.jsonl" in left_out


def test_answers_that_are_no_labels_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: Path
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    options = CompareConfig(score="labels", modes=("base",))
    many = write(tmp_path / "many.jsonl", ROWS)
    with pytest.raises(DataError, match=r"more than 2 different answers.*leave it out"):
        asked(many, options)
    with pytest.raises(DataError, match="1 different answers; expected two labels or more"):
        asked(write(tmp_path / "one.jsonl", ROWS[:1]), options)
    with pytest.raises(DataError, match="0 different answers"):
        asked(write(tmp_path / "text.jsonl", [{"text": "x"}]), options)
    call = {"function": {"name": "f", "arguments": {}}}
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [call]}]
    chats = [{"messages": [messages[0], {"role": "assistant", "content": x}]} for x in "pq"]
    calling = write(tmp_path / "calls.jsonl", [*chats, {"messages": messages}])
    template = write_tiny_backbone(
        tmp_path / "tools",
        chat_template="{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
        "{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    )
    with pytest.raises(DataError, match=r"calls\.jsonl:3: the answer calls a function"):
        compare(calling, [], modes=["base"], model=str(template), score="labels")


@pytest.mark.parametrize("columns", [{}, {"list_labels": True}])
def test_a_prompt_with_a_label_is_what_is_trained(
    reviews: Path, tiny_backbone: Path, columns: dict[str, Any]
) -> None:
    choice = made(reviews, tiny_backbone, **columns)
    _, tokenizer = load(str(tiny_backbone), None, "base")
    encoder = Encoder(tokenizer, DataConfig())
    for record in JsonLines(reviews, ColumnConfig(**columns)):
        (example,) = encoder.encode(record)
        prompt = choice._prompts[record.line]
        answer = prompt.answers[LABELS.index(*record.labels)]
        assert [*prompt.prompt, *answer] == example.tokens.tolist()
        assert len(answer) == example.supervised.sum()


def test_completions_without_a_template(tmp_path: Path) -> None:
    backbone = write_tiny_backbone(tmp_path / "plain", chat_template=None)
    rows = [{"prompt": f"{row['text']}? ", "completion": row["label"]} for row in ROWS]
    data = write(tmp_path / "pairs.jsonl", rows)
    choice = made(data, backbone, calibrate=True)
    _, tokenizer = load(str(backbone), None, "base")
    for record in JsonLines(data):
        (example,) = Encoder(tokenizer, DataConfig()).encode(record)
        prompt = choice._prompts[record.line]
        answer = prompt.answers[LABELS.index(record.completion)]
        assert [*prompt.prompt, *answer] == example.tokens.tolist()


def test_a_prompt_that_says_nothing_keeps_what_stands_around_the_text(
    reviews: Path, tiny_backbone: Path
) -> None:
    _, tokenizer = load(str(tiny_backbone), None, "base")
    choice = made(reviews, tiny_backbone, calibrate=True, list_labels=True)
    asked = "Answer with the label of this text, one of: bad, good, so so.\n\n"
    first, last = choice._prompts[1], choice._prompts[4]
    for free, text in zip(first.content_free, CONTENT_FREE, strict=True):
        shown = f"<|im_start|>user\n{asked}{text}<|im_end|>\n<|im_start|>assistant\n"
        assert tokenizer.decode(list(free)) == shown
    system = "<|im_start|>system\nBe brief.<|im_end|>\n"
    assert tokenizer.decode(list(last.content_free[0])).startswith(system)
    assert choice._prompts[2].content_free == first.content_free


def test_a_system_text_may_be_all_that_is_said(tmp_path: Path, tiny_backbone: Path) -> None:
    said = [{"role": "system", "content": "It broke"}, {"role": "assistant", "content": "bad"}]
    choice = made(write(tmp_path / "d.jsonl", [{"messages": said}]), tiny_backbone, calibrate=True)
    _, tokenizer = load(str(tiny_backbone), None, "base")
    shown = "<|im_start|>system\nN/A<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(list(choice._prompts[1].content_free[0])) == shown


@pytest.mark.parametrize("calibrate", [False, True])
def test_every_mode_chooses_what_it_finds_the_likeliest(
    reviews: Path, adapter: Path, calibrate: bool
) -> None:
    attached, _ = load(None, str(adapter), "attached")
    modes = {"base": attached.backbone, "attached": attached, "detached": attached.detached()}
    backbone = Path(
        json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    )
    choice = made(reviews, backbone, calibrate=calibrate)

    def logprob(model: Any, prompt: tuple[int, ...], answer: tuple[int, ...]) -> float:
        logits = np.array(model(mx.array([prompt + answer]))[0].astype(mx.float32), np.float64)
        known = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
        return sum(known[len(prompt) - 1 + i, token] for i, token in enumerate(answer))

    def best(model: Any, line: int) -> str:
        one = choice._prompts[line]
        scores = np.array([logprob(model, one.prompt, answer) for answer in one.answers])
        if calibrate:
            free = np.array(
                [
                    [logprob(model, text, answer) for answer in one.answers]
                    for text in one.content_free
                ]
            )
            shares = np.exp(free) / np.exp(free).sum(axis=1, keepdims=True)
            scores -= np.log(shares.mean(axis=0))
        return LABELS[int(scores.argmax())]

    comparison = compare(reviews, [str(adapter)], score="labels", calibrate=calibrate)
    for result in comparison.results:
        chosen = [best(modes[result.name], line) for line in range(1, 5)]
        assert list(result.answers) == chosen
        right = [a == row["label"] for a, row in zip(chosen, ROWS, strict=True)]
        assert list(result.right) == right
        assert result.exact == sum(right) / 4
        assert result.scores.keys() == {"accuracy", "macro_f1"}
    figures = json.loads(json.dumps(comparison.to_mapping()))
    assert "chosen from 3 labels" in remarks(figures)
    assert figures["metric"]["name"] == "label"


def test_what_is_trained_is_chosen(tmp_path: Path, tiny_backbone: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = [{"text": letter * n, "label": f"all {letter}"} for letter in "ab" for n in range(2, 12)]
    write(data / "train.jsonl", rows[::2] * 4)
    test = write(data / "test.jsonl", rows[1::2])
    config = TrainConfig(
        model=str(tiny_backbone), data=str(data), adapter_path=str(tmp_path / "adapter"),
        iters=60, batch_size=8, learning_rate=1e-2, rank=4, shadow_layers=1, val_batches=0,
    )  # fmt: skip
    train(config)
    comparison = compare(test, [config.adapter_path], modes=["base", "attached"], score="labels")
    base, attached = comparison.results
    assert attached.exact == 1.0
    assert {score.value for score in attached.scores.values()} == {1.0}
    assert base.exact < 1.0


def test_what_was_chosen_before_a_stop_is_not_chosen_again(
    reviews: Path, adapter: Path, tmp_path: Path
) -> None:
    stop, steps = StopToken(), []

    def halfway(what: str, done: int, total: int) -> None:
        if (what, done) == ("attached: answers", 2):
            stop.stop()

    options = {"score": "labels", "answers": tmp_path / "answers.jsonl"}
    compare(reviews, [str(adapter)], **options, on_step=halfway, stop=stop)
    resumed = compare(
        reviews, [str(adapter)], **options, resume=True, on_step=lambda *step: steps.append(step)
    )
    whole = compare(reviews, [str(adapter)], score="labels")
    assert [one.answers for one in resumed.results] == [one.answers for one in whole.results]
    assert [done for what, done, _ in steps if what == "attached: answers"] == [3, 4]
    with pytest.raises(InputError, match="calibrate: False then, True now"):
        compare(reviews, [str(adapter)], **options, resume=True, calibrate=True)


def test_stopped_it_keeps_what_was_chosen(reviews: Path, adapter: Path) -> None:
    stop = StopToken()

    def on_step(what: str, done: int, total: int) -> None:
        if (what, done) == ("attached: answers", 2):
            stop.stop()

    comparison = compare(reviews, [str(adapter)], score="labels", on_step=on_step, stop=stop)
    assert comparison.stopped
    assert [result.questions for result in comparison.results] == [4, 2]


def test_a_template_that_refuses_an_answer_is_said(tmp_path: Path, reviews: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.content == 'good' and messages | length == 2 "
        "and messages[0].content == 'It broke' %}{{ raise_exception('no') }}{% endif %}"
        "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    backbone = write_tiny_backbone(tmp_path / "strict", chat_template=template)
    data = write(tmp_path / "two.jsonl", [ROWS[1], ROWS[0]])
    with pytest.raises(InvalidDataError, match=r"two\.jsonl:1"):
        compare(data, [], modes=["base"], model=str(backbone), score="labels")
