"""Conversations of every shape that a data file has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

from shadow_mlx.data.reading.schema import Record

Words = Callable[[], str]
Message = dict[str, Any]

LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Looks at a thing.",
        "parameters": {
            "type": "object",
            "properties": {"at": {"type": "string"}, "times": {"type": "integer"}},
        },
    },
}
GO = {
    "type": "function",
    "function": {
        "name": "go",
        "description": "Goes to a place.",
        "parameters": {"type": "object", "properties": {"to": {"type": "string"}}},
    },
}


def _call(name: str, arguments: dict[str, Any], number: int = 0) -> Message:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call0000{number}", "type": "function", "function": function}


def _user(words: Words) -> Message:
    return {"role": "user", "content": words()}


def _says(words: Words, **more: Any) -> Message:
    return {"role": "assistant", "content": words(), **more}


def _calls(*calls: Message, content: str = "", **more: Any) -> Message:
    return {"role": "assistant", "content": content, "tool_calls": list(calls), **more}


def _result(words: Words, number: int = 0) -> Message:
    return {"role": "tool", "content": words(), "tool_call_id": f"call0000{number}"}


def _in_text(words: Words) -> str:
    return f"<think>\n{words()}\n</think>\n\n{words()}"


Shape = Callable[[Words], list[Message]]

SHAPES: dict[str, Shape] = {
    "one turn": lambda w: [_user(w), _says(w)],
    "many turns": lambda w: [_user(w), _says(w), _user(w), _says(w), _user(w), _says(w)],
    "system": lambda w: [{"role": "system", "content": w()}, _user(w), _says(w)],
    "system, many turns": lambda w: [
        {"role": "system", "content": w()},
        *(_user(w), _says(w), _user(w), _says(w)),
    ],
    "late system": lambda w: [
        *(_user(w), _says(w), {"role": "system", "content": w()}, _user(w), _says(w)),
    ],
    "greeting first": lambda w: [_says(w), _user(w), _says(w)],
    "greeting behind a system text": lambda w: [
        *({"role": "system", "content": w()}, _says(w), _user(w), _says(w)),
    ],
    "a question at the end": lambda w: [_user(w), _says(w), _user(w)],
    "two answers": lambda w: [_user(w), _says(w), _says(w)],
    "weight": lambda w: [_user(w), _says(w, weight=0), _user(w), _says(w, weight=1)],
    "reasoning": lambda w: [_user(w), _says(w, reasoning_content=w())],
    "reasoning in each": lambda w: [
        *(_user(w), _says(w, reasoning_content=w()), _user(w), _says(w, reasoning_content=w())),
    ],
    "reasoning in the first": lambda w: [
        *(_user(w), _says(w, reasoning_content=w()), _user(w), _says(w)),
    ],
    "reasoning in the text": lambda w: [
        *(_user(w), {"role": "assistant", "content": _in_text(w)}),
        *(_user(w), {"role": "assistant", "content": _in_text(w)}),
    ],
    "reasoning twice": lambda w: [
        *(_user(w), {"role": "assistant", "content": _in_text(w), "reasoning_content": w()}),
    ],
    "a call": lambda w: [_user(w), _calls(_call("look", {"at": w(), "times": 2}))],
    "a call and its result": lambda w: [
        *(_user(w), _calls(_call("look", {"at": w()})), _result(w), _says(w)),
        *(_user(w), _says(w)),
    ],
    "calls in parallel": lambda w: [
        *(_user(w), _calls(_call("look", {"at": w()}), _call("go", {"to": w()}, 1))),
        *(_result(w), _result(w, 1), _says(w)),
    ],
    "a function twice": lambda w: [
        *(_user(w), _calls(_call("look", {"at": w()}), _call("look", {"at": w()}, 1))),
    ],
    "words beside a call": lambda w: [_user(w), _calls(_call("go", {"to": w()}), content=w())],
    "reasoning before a call": lambda w: [
        *(_user(w), _calls(_call("go", {"to": w()}), reasoning_content=w()), _result(w)),
        _says(w, reasoning_content=w()),
    ],
    "call upon call": lambda w: [
        *({"role": "system", "content": w()}, _user(w), _calls(_call("look", {"at": w()}))),
        *(_result(w), _calls(_call("go", {"to": w()}, 1)), _result(w, 1), _says(w)),
    ],
    "nested arguments": lambda w: [
        *(_user(w), _calls(_call("look", {"at": {"list": [w(), 1.5, True, None]}, "times": 0}))),
    ],
}

_HARD = (
    *("hi", "assistant", "user", "think", "system\n", "x", "1 + 1", "{}", "[1]", '{"a": "b"}'),
    *(" leading", "\n\nleading", "trailing ", "trailing\n", "trailing\n\n", "a\n\n\nb", "\ta\t"),
    *('it\'s "said" \\n', "é🙂漢字", "<b>&amp;</b>", "a < b", "```\ncode\n```", "[INST]", "#"),
)

words = st.one_of(
    st.sampled_from(_HARD),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Co"]), min_size=1, max_size=12),
    st.text(st.sampled_from("ab \n.<>|/[]"), min_size=1, max_size=12),
).map(lambda text: text if text.strip() else "x")
"""Contents of messages: never blank, for blank ones are refused when a file is read."""


def plain_words() -> Words:
    """Words of which none is another's part."""
    numbers: Iterator[int] = iter(range(11, 99))
    return lambda: f"word{next(numbers)} is said."


def talk(shape: str, word: Words) -> Record:
    """A conversation; it has tools where it has calls."""
    messages = SHAPES[shape](word)
    tools = (LOOK, GO) if any("tool_calls" in message for message in messages) else None
    return Record("chat", 1, messages=tuple(messages), tools=tools)
