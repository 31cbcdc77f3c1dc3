"""Whether a template shows what a message holds: what it leaves out is refused, or counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from shadow_mlx.data import reasoning
from shadow_mlx.data.rendering import REASONING, TemplateError
from shadow_mlx.data.schema import Message


def check_answer(message: Message, text: str, number: int) -> None:
    """Refuse an answer of which the template shows a part only.

    Args:
        message: The answer.
        text: As the model is to write it.
        number: The message's place in its conversation, from 1.

    Raises:
        TemplateError: It leaves out words, or a tool call.
    """
    shown = _squeezed(text)
    words = reasoning.split(str(message["content"]))
    said = str(message["content"]) if words.unfinished else words.words
    if _squeezed(said) not in shown:
        raise TemplateError(f"the template leaves out the words of message {number}")
    calls = message.get("tool_calls") or []
    lost = next(_lost_calls(calls, text, shown), None)
    if lost is not None:
        which = f"call {lost + 1} of {len(calls)} in" if len(calls) > 1 else "the tool calls of"
        raise TemplateError(f"the template leaves out {which} message {number}")


def shows_reasoning(message: Message, text: str) -> bool:
    """Whether an answer's reasoning, if it has one, is in ``text``."""
    thoughts = str(message.get(REASONING) or "")
    inside = reasoning.split(str(message["content"]))
    if not thoughts and not inside.unfinished:
        thoughts = inside.reasoning
    return _squeezed(thoughts) in _squeezed(text)


def left_out(messages: Sequence[Message], prompt: str) -> list[str]:
    """The roles of the messages that a prompt does not show, one for each of them."""
    shown, place = _squeezed(prompt), 0
    roles = []
    for message in messages:
        words = _squeezed(_said(message))
        found = shown.find(words, place)  # in their order, so that many messages stay cheap
        if found < 0:
            found = shown.find(words)
        if found < 0:
            found = shown.find(_squeezed(json.dumps(words)[1:-1]))
        if found < 0:
            roles.append(str(message["role"]))
        else:
            place = found + len(words)
    return roles


def _said(message: Message) -> str:
    """The words of a message; earlier answers may lose their reasoning."""
    content = str(message["content"])
    if message["role"] != "assistant":
        return content
    thoughts = reasoning.split(content)
    return "" if thoughts.unfinished else thoughts.words


def _lost_calls(calls: Sequence[Any], text: str, shown: str) -> Iterator[int]:
    """The calls that ``text`` does not show: each name as often as it is called, each argument."""
    asked: Counter[str] = Counter()
    for i, call in enumerate(calls):
        function = call["function"]
        asked[function["name"]] += 1
        values = _leaves(function["arguments"])
        if text.count(function["name"]) < asked[function["name"]] or not all(
            any(_squeezed(form) in shown for form in forms) for forms in values
        ):
            yield i


def _leaves(value: Any) -> Iterator[tuple[str, ...]]:
    """Each plain value of a call's arguments, in the forms in which a template may write it."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    else:
        yield json.dumps(value), str(value), str(value).lower()


def _squeezed(text: str) -> str:
    """A text without its white space, which templates trim and lay out anew."""
    return "".join(text.split())
