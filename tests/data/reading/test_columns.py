"""Columns of other names: named by hand, guessed, and told to the person."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shadow_mlx.config import ColumnConfig, TrainConfig
from shadow_mlx.data.reading.checking import check_file
from shadow_mlx.data.reading.columns import UnknownFormatError, suggest
from shadow_mlx.data.reading.schema import InvalidLineError, Record, parse
from shadow_mlx.data.reading.splits import resolve
from shadow_mlx.errors import ConfigError

QA = {"question": "How many?", "answer": "Two."}
ALPACA = {"instruction": "Translate.", "input": "Haus", "output": "house"}
SHARE_GPT = {
    "conversations": [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Hello"},
        {"from": "gpt", "value": "Hi."},
    ]
}


def read(value: Any, **columns: str) -> Record:
    return parse(json.dumps(value).encode(), 1, ColumnConfig(**columns))


def test_prompt_and_completion_from_other_columns() -> None:
    record = read(QA, prompt_feature="question", completion_feature="answer")
    assert (record.kind, record.prompt, record.completion) == ("completion", "How many?", "Two.")
    mixed = read({"question": "a", "completion": "b"}, prompt_feature="question")
    assert (mixed.prompt, mixed.completion) == ("a", "b")


def test_a_prompt_of_several_columns_leaves_empty_ones_out() -> None:
    columns = {"prompt_feature": "instruction,input", "completion_feature": "output"}
    assert read(ALPACA, **columns).prompt == "Translate.\n\nHaus"
    assert read({**ALPACA, "input": ""}, **columns).prompt == "Translate."
    assert read({**ALPACA, "input": None}, **columns).prompt == "Translate."
    with pytest.raises(InvalidLineError, match="'instruction' and 'input' are empty"):
        read({**ALPACA, "instruction": " ", "input": ""}, **columns)
    with pytest.raises(InvalidLineError, match="'input' is the number 3"):
        read({**ALPACA, "input": 3}, **columns)


def test_a_column_whose_name_has_a_comma() -> None:
    record = read({"a,b": "x", "c": "y"}, prompt_feature="a,b", completion_feature="c")
    assert record.prompt == "x"


def test_share_gpt_conversations_are_chats() -> None:
    record = read(SHARE_GPT, chat_feature="conversations")
    assert [m["role"] for m in record.messages] == ["system", "user", "assistant"]
    assert record.messages[2]["content"] == "Hi."
    assert "from" not in record.messages[0]


def test_text_and_chat_from_other_columns() -> None:
    assert read({"body": "words", "prompt": "x"}, text_feature="body").text == "words"
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert read({"talk": messages}, chat_feature="talk").kind == "chat"
    with pytest.raises(InvalidLineError, match="'talk' is 'hi'"):
        read({"talk": "hi"}, chat_feature="talk")


@pytest.mark.parametrize("columns", [{"text_feature": "nope"}, {"chat_feature": "nope"}])
def test_a_column_that_is_not_there(columns: dict[str, str]) -> None:
    with pytest.raises(InvalidLineError, match=r"no 'nope' .*'question', 'answer'"):
        read(QA, **columns)


@pytest.mark.parametrize(
    ("value", "guess"),
    [
        (QA, {"prompt_feature": "question", "completion_feature": "answer"}),
        (ALPACA, {"prompt_feature": "instruction,input", "completion_feature": "output"}),
        (SHARE_GPT, {"chat_feature": "conversations"}),
        ({"Input": "", "Target": ""}, {"prompt_feature": "Input", "completion_feature": "Target"}),
        ({"id": 1, "content": ""}, {"text_feature": "content"}),
        ({"id": 1}, {}),
        (
            {"idx": 1, "Label": 0, "sentence": ""},
            {"text_feature": "sentence", "label_feature": "Label"},
        ),
        (
            {"instruction": "", "context": "", "response": ""},
            {"prompt_feature": "instruction,context", "completion_feature": "response"},
        ),
        (
            {"prompt": "", "response": ""},
            {"prompt_feature": "prompt", "completion_feature": "response"},
        ),
    ],
)
def test_guesses(value: dict[str, Any], guess: dict[str, str]) -> None:
    assert suggest(value) == guess


def test_an_unknown_format_names_the_columns_and_the_flags() -> None:
    with pytest.raises(UnknownFormatError) as caught:
        read(QA)
    said = str(caught.value)
    assert "the keys 'question', 'answer'" in said
    assert "--prompt-feature question --completion-feature answer" in said
    with pytest.raises(UnknownFormatError, match="--prompt-feature COLUMN"):
        read({"x": 1})


def test_a_file_of_unknown_format_is_one_problem(write_lines: Any) -> None:
    path = write_lines([QA] * 30)
    report = check_file(path)
    assert report.problem_count == len(report.problems) == 1
    assert report.problems[0].line is None
    columns = ColumnConfig(prompt_feature="question", completion_feature="answer")
    assert check_file(path, columns).kinds == {"completion": 30}
    assert resolve(path, 0.1, 0, columns).train[0].completion == "Two."


def test_single_lines_of_unknown_format_keep_their_places(write_lines: Any) -> None:
    report = check_file(write_lines([QA, QA, {"text": "a"}, QA]))
    assert [problem.line for problem in report.problems] == [1, 2, 4]
    other = check_file(write_lines([QA, {"text": 1}, QA]))
    assert [problem.line for problem in other.problems] == [1, 2, 3]


def test_columns_of_two_formats_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="--prompt-feature or --completion-feature and --text"):
        TrainConfig(prompt_feature="a", text_feature="b")
    with pytest.raises(ConfigError, match="--text-feature and --chat"):
        TrainConfig(chat_feature="a", text_feature="b")


def test_the_columns_of_a_text_and_its_label_belong_together() -> None:
    named = ColumnConfig(text_feature="a", label_feature="b", list_labels=True)
    assert named.named() == {"text_feature": "a", "label_feature": "b", "list_labels": True}
    assert ColumnConfig.from_mapping(named.named()) == named
    with pytest.raises(ConfigError, match="--prompt-feature or --completion-feature and --label"):
        ColumnConfig(prompt_feature="a", label_feature="b")
    with pytest.raises(ConfigError, match=r"--list-labels is for texts with labels; --chat"):
        ColumnConfig(chat_feature="a", list_labels=True)


def test_the_columns_of_a_run_alone() -> None:
    config = TrainConfig(prompt_feature="question", rank=4)
    assert config.columns == ColumnConfig(prompt_feature="question")
    assert config.named() == {"prompt_feature": "question"}
    assert TrainConfig.from_mapping(config.to_mapping()) == config


def test_a_hint_names_what_its_flags_leave_out() -> None:
    row = {**ALPACA, "system": "x", "history": [["a", "b"]], "id": 7, "tags": []}
    with pytest.raises(UnknownFormatError) as caught:
        read(row)
    flags = "--prompt-feature instruction,input --completion-feature output"
    assert f"{flags} (leaves out 'id')" in str(caught.value)
    columns = {"prompt_feature": "instruction,input", "completion_feature": "output"}
    assert read(row, **columns).unread == ("id",)


def test_a_prompt_with_another_answer_gets_a_hint() -> None:
    with pytest.raises(InvalidLineError, match=r"no 'completion'.*--completion-feature response"):
        read({"prompt": "a", "response": "b"})


@pytest.mark.parametrize(
    ("row", "flags"),
    [
        ({"prompt": "a", "chosen": "b"}, "--prompt-feature prompt --completion-feature chosen"),
        ({"question": "a", "chosen": "b"}, "--prompt-feature question --completion-feature chosen"),
        ({"chosen": "a b"}, "--text-feature chosen"),
        ({"chosen": SHARE_GPT["conversations"]}, "--chat-feature chosen"),
        ({"prompt": "a", "chosen": SHARE_GPT["conversations"]}, "--chat-feature chosen"),
        (
            {"prompt": "a", "chosen": [{"role": "assistant", "content": "b"}]},
            "--prompt-feature prompt --completion-feature chosen",
        ),
    ],
)
def test_preferences_get_a_clear_refusal(row: dict[str, Any], flags: str) -> None:
    with pytest.raises(UnknownFormatError) as caught:
        read({**row, "rejected": row["chosen"]})
    said = str(caught.value)
    assert "preferences are not trained here" in said
    assert f"{flags} trains the chosen answers alone" in said
    words = flags.replace("--", "").replace("-", "_").split()
    record = read({**row, "rejected": "x"}, **dict(zip(words[::2], words[1::2], strict=True)))
    assert "rejected" in record.unread
