"""Conversations as files: one line of the chat format that ``train --data`` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shadow_mlx.data.reading.message_flags import REASONING_KEY
from shadow_mlx.data.reading.strict_json import InvalidLineError, read_json
from shadow_mlx.errors import InputError
from shadow_mlx.files.writing import write_text
from shadow_mlx.generation.conversation import Conversation, Message

ROLES = ("system", "user", "assistant")

LONGEST = 1 << 24
"""Bytes of a conversation's line: no model reads as many."""

_BOM = b"\xef\xbb\xbf"


def save_transcript(path: Path, conversation: Conversation) -> None:
    """Write ``conversation`` as one JSON line, atomically.

    Raises:
        InputError: No file can have that name.
        SurroundingsError: The disk refuses.
    """
    try:
        write_text(
            path, json.dumps({"messages": conversation.messages()}, ensure_ascii=False) + "\n"
        )
    except ValueError as error:
        raise InputError(f"{path}: cannot be written: {error}") from None


def load_transcript(path: Path, mode: str = "") -> Conversation:
    """Read what :func:`save_transcript` wrote, or the first conversation of a chat data file.

    Answers keep the reasoning that stands beside them (``reasoning_content``). A conversation with
    tool messages or tool calls is refused: a chat has no tools to go on with.

    Args:
        path: The file.
        mode: What stands for the mode of its answers, which no file keeps.

    Raises:
        InputError: The file is missing, or its first line is not a conversation.
    """
    value = _first_value(path)
    messages = value.get("messages") if isinstance(value, dict) else None
    if not isinstance(messages, list):
        raise InputError(f'{path}: expected a line {{"messages": [...]}} of JSON')
    checked = [_message(path, number, message) for number, message in enumerate(messages, 1)]
    return Conversation.from_messages(checked, mode)


def _first_value(path: Path) -> Any:
    """The JSON of the first line that is not blank."""
    try:
        if path.exists() and not path.is_file():  # a pipe would let us wait
            raise InputError(f"{path}: cannot be read: not a file")
        with path.open("rb") as file:
            start = file.read(LONGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # no file can have that name
        raise InputError(f"{path}: cannot be read: {error}") from None
    line, end, _ = start.removeprefix(_BOM).lstrip().partition(b"\n")
    if len(start) > LONGEST and not end:
        raise InputError(f"{path}: expected a conversation as a line, found more than 16 MB")
    try:
        return read_json(line)
    except InvalidLineError as error:
        found, expected = error.findings[0]
        raise InputError(f"{path}: expected a conversation as {expected}, found {found}") from None


def _message(path: Path, number: int, value: Any) -> Message:
    where = f"{path}: message {number}"
    if not isinstance(value, dict) or not isinstance(value.get("content"), str):
        raise InputError(f"{where}: expected a role and a content that is text")
    if value.get("role") not in ROLES:
        raise InputError(f"{where}: expected one of the roles {', '.join(ROLES)}")
    if value.get("tool_calls"):
        raise InputError(f"{where}: expected text; a chat cannot go on with tool calls")
    reasoning = value.get(REASONING_KEY)
    if reasoning is not None and not isinstance(reasoning, str):
        raise InputError(f"{where}: expected a {REASONING_KEY} that is text")
    thought = {REASONING_KEY: reasoning} if reasoning else {}
    return {"role": value["role"], "content": value["content"], **thought}
