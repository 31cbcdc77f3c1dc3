"""Sound lines, broken at random: a record or findings come out, quickly, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.schema import InvalidLineError, parse
from tests.data.reading.test_calls import LOOK
from tests.data.reading.test_tools import TEXT, tool
from tests.mutations import mutated_json

SEEDS: list[tuple[Any, dict[str, str]]] = [
    (
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "look 🙂"}], "weight": 0},
                {"role": "assistant", "content": None, "tool_calls": [{"id": "1", **LOOK}]},
                {"role": "tool", "content": "blue", "tool_call_id": "1", "name": "look"},
                {"role": "assistant", "content": "Blue.", "reasoning_content": "hm", "train": True},
            ],
            "tools": [tool("look", at=TEXT, room=None)],
            "chat_template_kwargs": {"enable_thinking": True},
            "system": None,
        },
        {},
    ),
    (
        {
            "conversations": [
                {"from": "human", "value": "look", "loss": False},
                {"from": "function_call", "value": json.dumps(LOOK)},
                {"from": "observation", "value": "blue"},
                {"from": "gpt", "value": "Blue.", "thinking": "hm"},
            ],
            "system": "Be brief.",
            "tools": json.dumps([tool("look", at=TEXT)]),
        },
        {"chat_feature": "conversations"},
    ),
    (
        {"instruction": "a", "input": "b", "output": "c", "system": "d", "history": [["q", "a"]]},
        {"prompt_feature": "instruction,input", "completion_feature": "output"},
    ),
    (
        {
            "prompt": [{"role": "user", "content": "a"}],
            "completion": [
                {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a": 1}'}}
            ],
            "functions": [{"name": "f"}],
        },
        {},
    ),
    ({"prompt": "a", "completion": "b", "id": 1}, {}),
    ({"text": "a", "source": "b"}, {}),
]


def outcome(raw: bytes, columns: dict[str, str]) -> str:
    """A record that later steps can carry, or findings of which each says what and why."""
    try:
        record = parse(raw, 1, ColumnConfig(**columns))
    except InvalidLineError as error:
        str(error).encode()
        said = error.findings and all(found and expected for found, expected in error.findings)
        return "refused" if said else ""
    whole = [record.messages, record.tools, record.options, record.text, record.prompt]
    json.dumps(whole, ensure_ascii=False, allow_nan=False).encode()
    copy.deepcopy(whole)
    assert all(isinstance(message["content"], str) for message in record.messages)
    assert all(message.get("weight", 1) in (0, 1) for message in record.messages)
    return record.kind


@settings(max_examples=400, deadline=5000)
@given(st.data())
def test_values_of_other_types_and_depths(data: st.DataObject) -> None:
    value, columns = data.draw(st.sampled_from(SEEDS))
    assert outcome(data.draw(mutated_json(value)), columns)


@settings(max_examples=300, deadline=5000)
@given(st.data())
def test_bytes_that_are_changed_lost_or_doubled(data: st.DataObject) -> None:
    value, columns = data.draw(st.sampled_from(SEEDS))
    raw = bytearray(json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(raw) - 1)))
        what = data.draw(st.sampled_from(["flip", "cut", "drop", "insert", "double"]))
        if what == "flip" and raw:
            raw[at] ^= 1 << data.draw(st.integers(0, 7))
        elif what == "cut":
            del raw[at:]
        elif what == "drop":
            del raw[at : at + data.draw(st.integers(1, 9))]
        elif what == "insert":
            odd = (b"\0", b"\xef\xbb\xbf", b'"', b"\\", b"\xe2\x80\xa8", b"[" * 2000, b"\xff\xfe")
            raw[at:at] = data.draw(st.sampled_from(odd))
        else:
            raw[at:at] = raw[at : at + 40]
    assert outcome(bytes(raw), columns)


def test_the_seeds_are_sound() -> None:
    kinds = [outcome(json.dumps(value).encode(), columns) for value, columns in SEEDS]
    assert kinds == ["chat", "chat", "completion", "chat", "completion", "text"]
