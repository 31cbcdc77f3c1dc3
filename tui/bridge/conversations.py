"""Conversations in files."""

from __future__ import annotations

from pathlib import Path


def save_conversation(path: Path, messages: list[dict[str, str]]) -> None:
    """Write a conversation as one line of chat data.

    Raises:
        SurroundingsError: The disk refuses.
    """
    from shadow_mlx.generation.transcript import save_transcript

    save_transcript(path, messages)


def load_conversation(path: Path) -> list[dict[str, str]]:
    """Read a conversation, or the first one of a chat data file.

    Raises:
        InputError: There is none.
    """
    from shadow_mlx.generation.transcript import load_transcript

    return load_transcript(path)
