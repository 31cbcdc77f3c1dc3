"""Signs in place of what a message holds: what a template then shows no sign of, it leaves out.

The words themselves do not tell: a short one ("hi") stands in many a template ("this", "think").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from shadow_mlx.data.chat import reasoning
from shadow_mlx.data.reading.message_flags import REASONING_KEY
from shadow_mlx.data.reading.schema import Message


@dataclass(frozen=True)
class Signed:
    """A message with signs.

    Attributes:
        message: To be shown in the place of the real one.
        words: The sign of what is said; None where nothing is.
        thoughts: The signs of the reasoning: in its own key, and in the content.
        calls: The signs of each tool call: of its name and of the texts in its arguments.
    """

    message: Message
    words: str | None
    thoughts: tuple[str, ...]
    calls: tuple[tuple[str, ...], ...]


def signed(message: Message, signs: Iterator[str] | None = None) -> Signed:
    """``message`` with a sign for each of its parts."""
    signs = signs or _signs()
    content, inside = str(message["content"]), ""
    found = reasoning.split(content)
    if message["role"] == "assistant" and found.reasoning:
        inside, content = found.reasoning, found.words
    words = next(signs) if content.strip() else None
    thoughts = []
    made = {**message, "content": words or content}
    if inside:
        thoughts.append(next(signs))
        before = str(message["content"]).removesuffix(content)
        start = next(t.start for t in reasoning.TAGS if before.lstrip().startswith(t.start))
        head, tag, rest = before.partition(start)
        made["content"] = head + tag + rest.replace(inside, thoughts[-1], 1) + made["content"]
    if message.get(REASONING_KEY):
        thoughts.append(next(signs))
        made[REASONING_KEY] = thoughts[-1]
    calls = []
    if message.get("tool_calls"):
        pairs = [_signed_call(call, signs) for call in message["tool_calls"]]
        made["tool_calls"] = [call for call, _ in pairs]
        calls = [found for _, found in pairs]
    return Signed(made, words, tuple(thoughts), tuple(calls))


def signed_all(messages: Sequence[Message]) -> list[Signed]:
    """Messages with signs of which none is another's."""
    signs = _signs()
    return [signed(message, signs) for message in messages]


def _signs() -> Iterator[str]:
    """Letters and digits alone, which no template escapes, trims or splits."""
    return (f"Zq{number}qZ" for number in count(100))


def _signed_call(call: Any, signs: Iterator[str]) -> tuple[Any, tuple[str, ...]]:
    function = call["function"]
    name = next(signs)
    found = [name]
    arguments = _signed_values(function["arguments"], signs, found)
    made = {**call, "function": {**function, "name": name, "arguments": arguments}}
    if isinstance(call.get("id"), str):  # some show it in the name's place: functions.look:0
        made["id"] = call["id"].replace(function["name"], name)
    return made, tuple(found)


def _signed_values(value: Any, signs: Iterator[str], made: list[str]) -> Any:
    """A sign for each text in the arguments of a call, which ``made`` remembers."""
    if isinstance(value, dict):
        return {key: _signed_values(item, signs, made) for key, item in value.items()}
    if isinstance(value, list):
        return [_signed_values(item, signs, made) for item in value]
    if not isinstance(value, str) or not value:
        return value
    made.append(next(signs))
    return made[-1]
