"""Rows under the formats' own names: what is read of them is what is read of the row itself."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.converting.mapping import as_text, mapped, opened, suggested
from shadow_mlx.data.reading.columns import UnknownFormatError
from shadow_mlx.data.reading.schema import InvalidLineError, Record, parse

CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


def made(values: dict[str, Any], **columns: Any) -> dict[str, Any]:
    return mapped(values, ColumnConfig(**columns)).made


def test_each_format_under_its_own_names() -> None:
    assert made({"talk": CHAT, "id": 1}, chat_feature="talk") == {"messages": CHAT}
    assert made({"talk": json.dumps(CHAT)}, chat_feature="talk") == {"messages": CHAT}
    pair = {"q": "x", "more": " ", "a": 4, "prompt": "other"}
    pairs = {"prompt_feature": "q,more", "completion_feature": "a"}
    assert made(pair, **pairs) == {"prompt": "x", "completion": "4"}
    labelled = {"sentence": "s", "kind": 1, "system": "Judge."}
    columns = {"text_feature": "sentence", "label_feature": "kind"}
    assert made(labelled, **columns) == {"text": "s", "label": 1, "system": "Judge."}
    assert made({"body": True, "system": "x"}, text_feature="body") == {"text": "true"}
    assert made({"prompt": CHAT[:1], "completion": CHAT[1:]}) == {
        "prompt": CHAT[:1],
        "completion": CHAT[1:],
    }
    with pytest.raises(UnknownFormatError, match="--prompt-feature question"):
        mapped({"question": "q", "answer": "a"})


def test_text_that_looks_like_messages_stays_text_in_a_completion() -> None:
    order = '{"from": "kitchen", "to": "hall"}'
    assert made({"prompt": "p", "completion": order}) == {"prompt": "p", "completion": order}


def test_cells_of_text_are_opened_where_lists_are_meant() -> None:
    history = [["a", "b"]]
    row = {"prompt": "p", "completion": "c", "history": json.dumps(history)}
    assert made(row)["history"] == history
    assert opened("[not json") == "[not json"
    assert opened("[" * 100_000) == "[" * 100_000
    assert opened(3) == 3
    assert [as_text(v) for v in (1, 1.5, False, None, "x", [1])] == [
        "1",
        "1.5",
        "false",
        None,
        "x",
        [1],
    ]


def test_guesses_begin_with_the_formats_own_names() -> None:
    assert suggested(["id", "messages", "prompt"]) == {"chat_feature": "messages"}
    pair = {"prompt_feature": "prompt", "completion_feature": "completion"}
    assert suggested(["completion", "prompt", "input"]) == pair
    assert suggested(["label", "text"]) == {"text_feature": "text", "label_feature": "label"}
    assert suggested(["text", "id"]) == {"text_feature": "text"}
    assert suggested(["Sentence", "Intent"]) == {
        "text_feature": "Sentence",
        "label_feature": "Intent",
    }
    assert suggested(["x", "y"]) == {}


VALUE = st.none() | st.sampled_from(["", " ", "text", "zwei\nZeilen", "4"])
ROW = st.dictionaries(
    st.sampled_from(["q", "more", "a", "text", "label", "system", "prompt", "id"]), VALUE
)
COLUMNS = st.sampled_from(
    [
        {"prompt_feature": "q", "completion_feature": "a"},
        {"prompt_feature": "q,more", "completion_feature": "a"},
        {"prompt_feature": "more,system", "completion_feature": "label"},
        {"text_feature": "q"},
        {"text_feature": "q", "label_feature": "a"},
        {},
    ]
)


def read(values: dict[str, Any], columns: ColumnConfig) -> Record | None:
    try:
        record = parse(json.dumps(values).encode(), 1, columns)
    except InvalidLineError:
        return None
    return dataclasses.replace(record, unread=(), absent=())


@given(ROW, COLUMNS)
def test_what_is_read_of_a_mapped_row_is_what_is_read_of_the_row(
    row: dict[str, Any], columns: dict[str, str]
) -> None:
    options = ColumnConfig(**columns)
    try:
        example = mapped(row, options)
    except UnknownFormatError:
        assert read(row, options) is None
        return
    expected = read(row, options)
    assert read(example.own, options) == expected
    if expected is not None:
        assert read(example.made, ColumnConfig()) == expected
