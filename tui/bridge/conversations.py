"""Conversations in files."""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.generation.conversation import Conversation


def save_conversation(path: Path, conversation: Conversation) -> None:
    """Write a conversation as one line of chat data.

    Raises:
        SurroundingsError: The disk refuses.
    """
    from shadow_mlx.generation.transcript import save_transcript

    save_transcript(path, conversation)


def load_conversation(path: Path) -> Conversation:
    """Read a conversation, or the first one of a chat data file.

    Raises:
        InputError: There is none.
    """
    from shadow_mlx.generation.transcript import load_transcript

    return load_transcript(path, mode="loaded")
