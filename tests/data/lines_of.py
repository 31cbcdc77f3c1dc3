"""Lines of data as tests write them: what a line becomes, or what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shadow_mlx.config import ColumnConfig
from shadow_mlx.data.reading.schema import InvalidLineError, Record, parse

USER = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "hi"}


def read(value: Any, **columns: str) -> Record:
    """The record of an object, or of a line's bytes."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse(raw, 1, ColumnConfig(**columns))


def chat(*messages: Any, **more: Any) -> Record:
    """The record of a chat with further columns."""
    return read({"messages": list(messages), **more})


def refusal(value: Any, **columns: str) -> str:
    """What is wrong with a line."""
    with pytest.raises(InvalidLineError) as caught:
        read(value, **columns)
    return str(caught.value)


def chat_refusal(*messages: Any, **more: Any) -> str:
    """What is wrong with a chat."""
    return refusal({"messages": list(messages), **more})


def noted(record: Record) -> list[str]:
    """Its notices, counted."""
    return [notice.counted(count) for notice, count in record.notices.items()]
