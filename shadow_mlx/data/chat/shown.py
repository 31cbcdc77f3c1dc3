"""Whether a template shows what a message holds: what it leaves out is refused, or counted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any

from shadow_mlx.data.chat import reasoning
from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.chat.signs import Signed
from shadow_mlx.data.reading.message_flags import REASONING_KEY
from shadow_mlx.data.reading.schema import Message

SHORT = 16
"""Letters of a message that may well stand in a template, too."""


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
    if _squeezed(_said(message)) not in shown:
        raise _lost_words(number)
    calls = message.get("tool_calls") or []
    lost = next(_lost_calls(calls, text, shown), None)
    if lost is not None:
        raise _lost_call(lost, len(calls), number)


def needs_signs(message: Message) -> bool:
    """Whether a look at the words alone may be deceived about what is shown of a message."""
    words = _squeezed(_said(message))
    return bool(message.get("tool_calls") or len(words) < SHORT or _thoughts(message))


def check_signs(answer: Signed, text: str, number: int) -> None:
    """:func:`check_answer` of an answer with signs.

    Raises:
        TemplateError: It leaves out words, or a tool call.
    """
    if answer.words is not None and answer.words not in text:
        raise _lost_words(number)
    for i, signs in enumerate(answer.calls):
        if not all(sign in text for sign in signs):
            raise _lost_call(i, len(answer.calls), number)


def shows_reasoning(message: Message, text: str) -> bool:
    """Whether an answer's reasoning, if it has one, is in ``text``."""
    return _squeezed(_thoughts(message)) in _squeezed(text)


def _thoughts(message: Message) -> str:
    inside = reasoning.split(str(message["content"]))
    return str(message.get(REASONING_KEY) or "") or ("" if inside.unfinished else inside.reasoning)


def _lost_words(number: int) -> TemplateError:
    return TemplateError(f"the template leaves out the words of message {number}")


def _lost_call(i: int, total: int, number: int) -> TemplateError:
    which = f"call {i + 1} of {total} in" if total > 1 else "the tool calls of"
    return TemplateError(f"the template leaves out {which} message {number}")


def shows_all(messages: Sequence[Message], prompt: str) -> bool:
    """Whether the words alone say that a prompt shows all of its messages.

    They do where each is long and stands behind the one before it: what quotes another message
    would have to stand there twice.
    """
    shown, place = _squeezed(prompt), 0
    for message in messages:
        words = _squeezed(_said(message))
        found = -1 if needs_signs(message) else shown.find(words, place)
        if found < 0:
            return False
        place = found + len(words)
    return True


def left_out(
    messages: Sequence[Message], prompt: str, signed: Sequence[Signed], signs: str
) -> list[str]:
    """The roles of the messages that a prompt does not show, one for each of them.

    Args:
        messages: Those before an answer.
        prompt: Of the answer.
        signed: The messages with signs; none where the template does not take them so.
        signs: The prompt of those.
    """
    shown, place = _squeezed(prompt), 0
    roles = []
    for message, sign in zip_longest(messages, signed):
        if sign is not None and sign.words is not None and sign.words not in signs:
            roles.append(str(message["role"]))
            continue
        words = _squeezed(_said(message))
        found = shown.find(words, place)  # in their order, so that many messages stay cheap
        if found < 0 and not any(_squeezed(form) in shown for form in _forms(_said(message))):
            roles.append(str(message["role"]))
        elif found >= 0:
            place = found + len(words)
    return roles


def _said(message: Message) -> str:
    """The words of a message; earlier answers may lose their reasoning."""
    content = str(message["content"])
    if message["role"] != "assistant":
        return content
    thoughts = reasoning.split(content)
    return content if thoughts.unfinished else thoughts.words


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
        yield _forms(value)
    else:
        yield json.dumps(value), str(value), str(value).lower()


def _forms(text: str) -> tuple[str, ...]:
    """A text as it is, and as JSON writes it."""
    return text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]


def _squeezed(text: str) -> str:
    """A text without its white space, which templates trim and lay out anew."""
    return "".join(text.split())
