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


def deep(levels: int, closed: bool = True) -> Any:
    """A value of many levels."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if closed else [value]
    return value


other_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers() | st.just(10**4000),
    st.text(max_size=3),
    st.sampled_from(["user", "assistant", "tool_call", "[]", "{}", '{"a":' * 900, "[" * 50_000]),
    st.sampled_from(["\ud83d", "\0", "\u2028", "null", '{"name": "f"}', "[[]]", "NaN"]),
    st.builds(lambda n, closed: json.dumps(deep(n, closed)), st.integers(80, 300), st.booleans()),
    st.builds(deep, st.integers(80, 300), st.booleans()),
    st.sampled_from([[], {}, [None], [[]], [{}], {"role": "user"}, {"function": "f"}]),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values inside a value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, dict | list) else ():
        found += places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]
    return found


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


@settings(max_examples=300, deadline=5000)
@given(st.data())
def test_values_of_other_types_and_depths(data: st.DataObject) -> None:
    seed, columns = data.draw(st.sampled_from(SEEDS))
    value = copy.deepcopy(seed)
    for _ in range(data.draw(st.integers(1, 3))):
        there = places(value)
        if not there:
            break
        path = data.draw(st.sampled_from(there))
        inside = value
        for key in path[:-1]:
            inside = inside[key]
        what = data.draw(st.sampled_from(["replace", "delete", "repeat", "rename"]))
        if what == "delete":
            del inside[path[-1]]
        elif what == "repeat" and isinstance(inside, list):
            inside.extend([inside[path[-1]]] * data.draw(st.sampled_from([1, 500])))
        elif what == "rename" and isinstance(inside, dict):
            names = ["weight", "loss", "tools", "from", "value", "arguments", "chosen", "\ud83d"]
            inside[data.draw(st.sampled_from(names))] = inside.pop(path[-1])
        else:
            inside[path[-1]] = copy.deepcopy(data.draw(other_values))
    assert outcome(json.dumps(value).encode(), columns)


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
            pieces = [
                b"\0",
                b"\xef\xbb\xbf",
                b'"',
                b"\\",
                b"\xe2\x80\xa8",
                b"[" * 2000,
                b"\xff\xfe",
            ]
            raw[at:at] = data.draw(st.sampled_from(pieces))
        else:
            raw[at:at] = raw[at : at + 40]
    assert outcome(bytes(raw), columns)


def test_the_seeds_are_sound() -> None:
    kinds = [outcome(json.dumps(value).encode(), columns) for value, columns in SEEDS]
    assert kinds == ["chat", "chat", "completion", "chat", "completion", "text"]
