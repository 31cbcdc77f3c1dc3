"""Texts with labels: one line to one question and its answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.labels import Labels
from shadow_mlx.data.reading.schema import InvalidLineError, Record, parse
from tests.data.lines_of import read, refusal

NAMED = Labels(names=("negative", "positive"))


def said(record: Record) -> list[tuple[str, str]]:
    return [(one["role"], one["content"]) for one in record.messages]


def test_a_person_says_the_text_and_the_assistant_the_label() -> None:
    record = read({"text": " I love it ", "label": "very good"})
    assert (record.kind, record.text, record.labels) == ("label", " I love it ", ("very good",))
    assert said(record) == [("user", " I love it "), ("assistant", "very good")]
    assert record.unread == ()


def test_what_stands_beside_a_label_is_read_as_in_chats() -> None:
    record = read({"text": "a", "label": "b", "system": "Be brief.", "id": 7})
    assert said(record)[0] == ("system", "Be brief.")
    assert record.unread == ("id",)


def test_a_text_without_a_label_is_a_plain_text() -> None:
    for label in ("", None, []):
        record = read({"text": "a", "label": label})
        assert (record.kind, record.messages, record.labels) == ("text", (), ())
    assert read({"text": "a", "label": "b"}, text_feature="text").kind == "text"
    assert read({"prompt": "a", "completion": "b", "text": "c", "label": "d"}).kind == "completion"


@pytest.mark.parametrize(
    ("value", "label"), [(3, "3"), (-1, "-1"), (2.0, "2"), (True, "true"), (0, "0")]
)
def test_numbers_without_names_are_their_digits(value: Any, label: str) -> None:
    assert read({"text": "a", "label": value}).labels == (label,)


def test_numbers_with_names() -> None:
    line = json.dumps({"text": "a", "label": 1}).encode()
    assert parse(line, 1, ColumnConfig(), NAMED).labels == ("positive",)
    line = json.dumps({"text": "a", "label": -1}).encode()
    with pytest.raises(InvalidLineError, match=r"'label' is the number -1.*names: 0 to 1"):
        parse(line, 1, ColumnConfig(), NAMED)


def test_other_columns() -> None:
    row = {"sentence": "a", "intent": "greet", "label": 3}
    record = read(row, text_feature="sentence", label_feature="intent")
    assert (said(record)[0][1], record.labels, record.unread) == ("a", ("greet",), ("label",))
    assert read({"text": "a", "kind": "b"}, label_feature="kind").labels == ("b",)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"text": "a", "label": 0.5}, "'label' is the number 0.5; expected one label"),
        ({"text": "a", "label": ["x", "y"]}, "'label' is an array of 2"),
        ({"text": "a", "label": {"x": 1}}, "'label' is an object"),
        ({"text": "a", "label": " "}, "'label' is empty"),
        ({"text": " ", "label": "b"}, "'text' is empty"),
        ({"text": 5, "label": "b"}, "'text' is the number 5"),
    ],
)
def test_what_is_wrong_is_said(row: dict[str, Any], found: str) -> None:
    assert found in refusal(row)


def test_a_named_label_must_be_there() -> None:
    assert "no 'kind'" in refusal({"text": "a"}, label_feature="kind")
    assert "'kind' is null" in refusal({"text": "a", "kind": None}, label_feature="kind")


def test_a_question_lists_the_labels_where_it_is_told_to() -> None:
    line = json.dumps({"text": "I {love} it", "label": "good"}).encode()
    record = parse(line, 1, ColumnConfig(), Labels(listed=("bad", "good")))
    asked = "Answer with the label of this text, one of: bad, good.\n\nI {love} it"
    assert said(record) == [("user", asked), ("assistant", "good")]
