"""A short talk, and what is trained of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from shadow_mlx.data.reading.schema import Record
from shadow_mlx.data.tokens import Example

TALK = (
    {"role": "user", "content": "hello there"},
    {"role": "assistant", "content": "hello you"},
    {"role": "user", "content": "how are you"},
    {"role": "assistant", "content": "I am fine"},
)
SYSTEM = ({"role": "system", "content": "The sky is blue."},)


def chat(*messages: Any, tools: Any = None) -> Record:
    return Record("chat", 1, messages=tuple(messages), tools=tools)


def completion(prompt: str, answer: str) -> Record:
    messages = ({"role": "user", "content": prompt}, {"role": "assistant", "content": answer})
    return Record("completion", 1, messages=messages, prompt=prompt, completion=answer)


def trained(tokenizer: Any, example: Example) -> list[str]:
    """The text of each stretch of trained tokens."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], example.supervised, [0]])))
    return [tokenizer.decode(example.tokens[a:b].tolist()) for a, b in edges.reshape(-1, 2)]


def text_of(tokenizer: Any, example: Example) -> str:
    return str(tokenizer.decode(example.tokens.tolist()))


CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "look", "arguments": {"at": "sky"}}}],
}
