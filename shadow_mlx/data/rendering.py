"""Calling a chat template: what it raises becomes one kind of error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import jinja2

from shadow_mlx.data.schema import Message

Render = Callable[[Sequence[Message], bool], str]
"""``render(messages, add_generation_prompt)`` gives the text of a conversation."""

Shown = TypeVar("Shown")  # the text, or its token ids

_TEMPLATE_FAULTS = (
    jinja2.TemplateError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
"""What a template, or Python code in its place, raises on a conversation that it does not take."""


class TemplateError(ValueError):
    """The chat template cannot show this conversation; the message is the template's reason."""


def guarded(
    render: Callable[[Sequence[Message], bool], Shown],
) -> Callable[[Sequence[Message], bool], Shown]:
    """Turn what a template raises into :class:`TemplateError`.

    The arguments of tool calls are objects in our records, as most templates want them; those few
    that want text get a second try.
    """

    def safe(messages: Sequence[Message], add_generation_prompt: bool) -> Shown:
        try:
            try:
                return render(messages, add_generation_prompt)
            except TypeError:
                if not any(message.get("tool_calls") for message in messages):
                    raise
                return render([_with_text_arguments(m) for m in messages], add_generation_prompt)
        except _TEMPLATE_FAULTS as error:
            raise TemplateError(str(error) or type(error).__name__) from error

    return safe


def _with_text_arguments(message: Message) -> Message:
    calls = [
        {**c, "function": {**c["function"], "arguments": json.dumps(c["function"]["arguments"])}}
        for c in message.get("tool_calls") or []
    ]
    return {**message, "tool_calls": calls} if calls else message
