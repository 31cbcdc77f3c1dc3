"""The questions of a test file."""

from __future__ import annotations

from shadow_mlx.data.records import Records
from shadow_mlx.errors import DataError
from shadow_mlx.generation.asking import Asker, Question

__all__ = ["Question", "questions_of"]


def questions_of(records: Records, asker: Asker) -> list[Question]:
    """The questions of a file: the last assistant turn of a chat, the completion of a prompt.

    Args:
        records: The test file.
        asker: Makes questions for one tokenizer.

    Raises:
        DataError: The file holds plain texts, in which nothing is asked.
    """
    asked = [asker.question_of(records[i]) for i in range(len(records))]
    questions = [question for question in asked if question is not None]
    if not questions:
        raise DataError(
            f"{records.path}: nothing to answer; expected chats that end with an assistant turn, "
            "or prompts with completions"
        )
    return questions
