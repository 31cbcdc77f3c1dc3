"""The mask by a chat template's own ``{% generation %} … {% endgeneration %}`` markers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from shadow_mlx.data.dataset import Example
from shadow_mlx.data.schema import Message
from shadow_mlx.data.template import shows
from shadow_mlx.data.tokenizing import Tokenizing, example_of

_MARKER = re.compile(r"\{%-?\s*generation\s*-?%\}")


def has_markers(tokenizer: Any) -> bool:
    """Whether the tokenizer's chat template marks what the assistant says."""
    template = tokenizer._tokenizer.chat_template
    if tokenizer._chat_template is not None or not tokenizer._tokenizer.is_fast:
        return False  # mlx-lm renders with Python code of its own; or there are no offsets
    return isinstance(template, str) and bool(_MARKER.search(template))


def encode_marked(
    tokenizer: Any, tokenizing: Tokenizing, messages: Sequence[Message], tools: list[Any] | None
) -> Example | None:
    """One example, or ``None`` when the markers do not show every assistant turn.

    The markers say nothing of ``weight``; chats that use it are left to the caller, too.
    """
    if any(message.get("weight") == 0 for message in messages):
        return None
    encoded = tokenizing.plain.apply_chat_template(
        list(messages),
        tools=tools,
        return_dict=True,
        return_assistant_tokens_mask=True,
        enable_thinking=tokenizer.has_thinking,
    )
    ids = list(encoded["input_ids"])
    runs = _runs(encoded["assistant_masks"])
    answers = [message for message in messages if message["role"] == "assistant"]
    if len(runs) != len(answers):
        return None
    supervised = np.zeros(len(ids), np.bool_)
    for answer, (start, marked_end) in zip(answers, runs, strict=True):
        if not shows(answer, tokenizing.plain.decode(ids[start:marked_end])):
            return None
        end = _end_of_turn(tokenizing, ids, start, marked_end)
        supervised[start:end] = True
    return example_of(ids[:end], supervised[:end])


def _runs(marks: Sequence[int]) -> list[tuple[int, int]]:
    """``[start, end)`` of each stretch of ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(marks, np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _end_of_turn(tokenizing: Tokenizing, ids: list[int], start: int, end: int) -> int:
    """Just behind the turn's stop token, whether the markers leave it out or go beyond it."""
    stops = [i for i in range(start, end) if ids[i] in tokenizing.stop]
    if stops and not tokenizing.plain.decode(ids[stops[-1] + 1 : end]).strip():
        return stops[-1] + 1
    return end + 1 if end < len(ids) and ids[end] in tokenizing.stop else end
