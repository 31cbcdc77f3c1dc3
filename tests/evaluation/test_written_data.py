"""Answers that the attached model writes: the missing ones, all, or those that are right."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.config import ColumnConfig, TrainConfig, WritingConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.reading.problems import InvalidDataError
from shadow_mlx.data.reading.records import JsonLines
from shadow_mlx.errors import ConfigError, DataError, InputError, Interrupted
from shadow_mlx.evaluation import written_data
from shadow_mlx.evaluation.written_data import Writer, with_written_answers
from shadow_mlx.generation.asking import Asker
from shadow_mlx.loading import load
from shadow_mlx.runs.events import StopToken


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


LINES = [
    {"messages": [user("Say: red cup")]},
    {"messages": [user("Say: blue cup"), assistant("given")]},
    {"messages": [{"role": "system", "content": "Be kind."}, user("Say: red lamp")]},
    {"prompt": "Say: green cup"},
]


@pytest.fixture(scope="module")
def sprout():
    return load("sprout", mode="base")


@pytest.fixture
def write(sprout, tmp_path, monkeypatch):
    """Writes some lines' answers with sprout; returns what was counted and the new records."""
    monkeypatch.setattr(written_data, "AT_ONCE", 2)
    model, tokenizer = sprout
    source, target = tmp_path / "prompts.jsonl", tmp_path / "out" / "train.jsonl"
    asker = Asker(ChatFormat(tokenizer))

    def run(
        lines,
        which="missing",
        *,
        stop=None,
        told=lambda *_: None,
        key="sprout",
        longest=16,
        columns=None,
    ):
        source.write_text("".join(json.dumps(line) + "\n" for line in lines))
        options = WritingConfig(answers=which, max_tokens=longest)
        writer = Writer(source, columns or TrainConfig().columns, asker, options)
        return writer.write(target, model, tokenizer, key, told, stop or StopToken())

    run.target = target
    return run


def answers(path: Path) -> list[str]:
    records = JsonLines(path)
    return [records[i].messages[-1]["content"] for i in range(len(records))]


def test_missing_answers_are_written_and_given_ones_stay(write):
    counts = write(LINES)
    assert (counts.written, counts.given, counts.left_out) == (3, 1, 0)
    assert answers(write.target) == ["red cup", "given", "red lamp", "green cup"]
    first = JsonLines(write.target)[2]
    assert [one["role"] for one in first.messages] == ["system", "user", "assistant"]


def test_all_answers_are_written(write):
    counts = write(LINES, "all")
    assert (counts.written, counts.given) == (4, 0)
    assert answers(write.target)[1] == "blue cup"


def test_right_answers_alone_are_kept(write):
    right = {"messages": [user("Say: red cup"), assistant("red cup")]}
    counts = write([right, LINES[1]], "right")
    assert (counts.written, counts.left_out) == (1, 1)
    assert answers(write.target) == ["red cup"]


def test_an_answer_that_does_not_end_is_left_out(write):
    counts = write([LINES[0], LINES[1]], longest=1)
    assert (counts.written, counts.given, counts.left_out) == (0, 1, 1)
    assert answers(write.target) == ["given"]


def test_what_was_stopped_goes_on_where_it_was(write):
    done: list[int] = []
    stop = StopToken()

    def told(number: int, _: int) -> None:
        done.append(number)
        if number == 2:
            stop.stop()

    assert write(LINES, stop=stop, told=told) is None
    assert answers(write.target) == ["red cup", "given"]
    again: list[int] = []
    assert write(LINES, told=lambda number, _: again.append(number)) is not None
    assert again == [2, 4]
    assert answers(write.target) == ["red cup", "given", "red lamp", "green cup"]


@pytest.mark.parametrize("change", ["key", "lines", "which"])
def test_what_was_written_otherwise_is_written_anew(write, change):
    write(LINES)
    write.target.write_text('{"messages": []}\n' * 4)
    calls: list[int] = []
    options = {"told": lambda number, _: calls.append(number)}
    lines = LINES[:3] if change == "lines" else LINES
    which = "all" if change == "which" else "missing"
    write(lines, which, key="other" if change == "key" else "sprout", **options)
    assert calls[0] == 0
    assert answers(write.target)[0] == "red cup"


def test_every_line_that_is_wrong_is_told(write):
    wrong = [LINES[0], {"messages": "none"}, {"messages": [{"role": "wizard", "content": "x"}]}]
    with pytest.raises(InvalidDataError) as caught:
        write(wrong)
    assert {problem.line for problem in caught.value.problems} == {2, 3}


def test_plain_text_has_no_answer(write):
    with pytest.raises(DataError, match="plain text"):
        write([{"text": "Once upon a time."}])


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    """Of a distillation whose teacher is stood for by sprout itself."""
    return TrainConfig(
        objective="pretrain", model="sprout", teacher="base", adapter_path=str(tmp_path / "shadow")
    )


def with_data(config: TrainConfig, folder: Path, **splits: list[Any]) -> TrainConfig:
    folder.mkdir(exist_ok=True)
    for split, lines in splits.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{split}.jsonl").write_text(text)
    return dataclasses.replace(config, data=str(folder))


@pytest.fixture
def prepared(sprout, monkeypatch):
    loaded: list[Any] = []

    def load_model(*args: Any, **_: Any) -> Any:
        loaded.append(args)
        return sprout[0]

    monkeypatch.setattr(written_data.loading, "load_model", load_model)
    monkeypatch.setattr(written_data.loading, "backbone_name", lambda name, *_, **__: name)

    def prepare(config: TrainConfig, which="missing", stop=None) -> TrainConfig:
        asked = dataclasses.replace(config, teacher="adapter", answers=which, max_tokens=16)
        return with_written_answers(asked, lambda *_: None, stop)

    prepare.loaded = loaded
    return prepare


def test_a_run_gets_the_folder_of_what_was_written(prepared, config, tmp_path):
    given = with_data(config, tmp_path / "data", train=LINES, valid=LINES[:1])
    found = prepared(given)
    assert found.data == str(tmp_path / "shadow" / "answers")
    assert answers(Path(found.data) / "valid.jsonl") == ["red cup"]
    assert len(answers(Path(found.data) / "train.jsonl")) == 4


def test_data_that_lack_nothing_are_taken_as_they_are_and_no_model_is_loaded(
    prepared, config, tmp_path
):
    given = with_data(config, tmp_path / "data", train=[LINES[1]])
    assert prepared(given) == dataclasses.replace(given, teacher="adapter", max_tokens=16)
    assert prepared.loaded == []


def test_no_right_answer_is_an_error_and_a_stop_says_what_is_kept(prepared, config, tmp_path):
    given = with_data(config, tmp_path / "data", train=[LINES[1]])
    with pytest.raises(DataError, match="none of 1 answers was right"):
        prepared(given, "right")
    stop = StopToken()
    stop.stop()
    with pytest.raises(Interrupted, match="kept in"):
        prepared(given, "all", stop)
    with pytest.raises(ConfigError, match="--data: name prompts"):
        prepared(config)


def test_right_is_what_the_metric_of_the_data_says(write):
    """Of JSON, the values count and not the spacing."""
    lines = [
        {"messages": [user(f"As JSON: color {one}"), assistant(f'{{ "color" : "{one}" }}')]}
        for one in ("red", "blue")
    ]
    assert write(lines, "right", longest=24).written == 2
    assert answers(write.target) == ['{"color":"red"}', '{"color":"blue"}']


def test_other_columns_and_what_a_line_says_beside_its_messages(write):
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    lines = [
        {"talk": [user("Say: red cup")], "tools": [tool], "chat_template_kwargs": {"x": 1}},
        {"talk": [user("Say: red lamp"), assistant("given")]},
    ]
    counts = write(lines, columns=ColumnConfig(chat_feature="talk"))
    assert (counts.written, counts.given) == (1, 1)
    first = JsonLines(write.target)[0]
    assert (list(first.tools), dict(first.options)) == ([tool], {"x": 1})
    pairs = [{"q": "Say: blue cup"}, {"q": "Say: blue lamp", "a": "given"}]
    columns = ColumnConfig(prompt_feature="q", completion_feature="a")
    counts = write(pairs, columns=columns)
    assert (counts.written, counts.given) == (1, 1)
    assert answers(write.target) == ["blue cup", "given"]


def test_what_was_right_before_a_stop_counts_after_it(write):
    """The rest of the file may have nothing right."""
    right = {"messages": [user("Say: red cup"), assistant("red cup")]}
    stop = StopToken()
    lines = [right, right, LINES[1], LINES[1]]

    def told(number: int, _: int) -> None:
        if number == 2:
            stop.stop()

    assert write(lines, "right", stop=stop, told=told) is None
    counts = write(lines, "right")
    assert (counts.written, counts.left_out) == (2, 2)


def test_a_folder_that_is_taken_is_refused_before_anything_is_written(
    prepared, config, tmp_path, monkeypatch
):
    given = with_data(config, tmp_path / "data", train=LINES)

    def taken(folder: object, *, resume: bool, overwrite: bool) -> None:
        if not overwrite:
            raise InputError("already holds a trained adapter")

    monkeypatch.setattr(written_data, "check_folder", taken)
    with pytest.raises(InputError, match="already holds"):
        prepared(given)
    assert prepared.loaded == []
