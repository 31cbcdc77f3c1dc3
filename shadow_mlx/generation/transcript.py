"""Conversations as files: one line of the chat format that ``train --data`` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from shadow_mlx.errors import InputError
from shadow_mlx.files import write_text
from shadow_mlx.generation.prompts import Message

ROLES = ("system", "user", "assistant")


def save_transcript(path: Path, messages: Sequence[Message]) -> None:
    """Write ``messages`` as one JSON line, atomically.

    Raises:
        SurroundingsError: The disk refuses.
    """
    write_text(path, json.dumps({"messages": list(messages)}, ensure_ascii=False) + "\n")


def load_transcript(path: Path) -> list[Message]:
    """Read what :func:`save_transcript` wrote, or the first conversation of a chat data file.

    Raises:
        InputError: The file is missing, or its first line is not a conversation.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            messages = json.loads(file.readline())["messages"]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (KeyError, TypeError, ValueError):
        raise InputError(f'{path}: expected a line {{"messages": [...]}} of JSON') from None
    if not isinstance(messages, list) or not all(map(_is_message, messages)):
        raise InputError(
            f"{path}: expected messages of role {', '.join(ROLES)}, each with text as content"
        )
    return [{"role": m["role"], "content": m["content"]} for m in messages]


def _is_message(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("role") in ROLES
        and isinstance(value.get("content"), str)
    )
