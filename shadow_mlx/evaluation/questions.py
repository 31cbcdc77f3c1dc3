"""The questions of a test file."""

from __future__ import annotations

import contextlib

from shadow_mlx.backbones.positions import PositionLimit
from shadow_mlx.data.reading.notices import Notice
from shadow_mlx.data.reading.records import Records
from shadow_mlx.errors import DataError
from shadow_mlx.generation.asking import Asker, Question

__all__ = ["Question", "answers_in", "questions_of", "within"]

MOST_READ = 2000
"""Records that are looked at to see what kind of answers a file expects."""

_LONGER = Notice("question is longer", "questions are longer")


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


def answers_in(records: Records, most: int = MOST_READ) -> list[str]:
    """What the first records of a file expect, as it is written there.

    Plain texts expect nothing, and a line that is no record is passed over: it may be none of those
    that are asked.
    """
    found = []
    for i in range(min(len(records), most)):
        with contextlib.suppress(DataError):
            record = records[i]
            if record.kind == "completion":
                found.append(record.completion)
            elif record.kind == "chat" and record.messages[-1]["role"] == "assistant":
                found.append(str(record.messages[-1]["content"]))
    return found


def within(
    limit: PositionLimit | None, questions: list[Question], room: int = 1
) -> tuple[list[Question], list[str]]:
    """The questions that a model can be asked, and what is to be said of the others.

    Args:
        limit: The model's positions, if it tells.
        questions: All of them.
        room: Tokens that an answer needs.

    Raises:
        DataError: There is none.
    """
    if limit is None:
        return questions, []
    long = [question for question in questions if len(question.prompt) + room > limit.tokens]
    if not long:
        return questions, []
    if not limit.hard:
        return questions, [f"{limit}: {_LONGER.counted(len(long))}"]
    asked = [question for question in questions if len(question.prompt) + room <= limit.tokens]
    if not asked:
        raise DataError(f"{limit}: all {len(long):,} questions are longer; nothing can be asked")
    return asked, [f"{limit}: {_LONGER.counted(len(long))}, and left out"]
