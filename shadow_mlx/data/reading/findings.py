"""What reading a line finds: problems refuse it, notices name what is left out or stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from shadow_mlx.data.reading.notices import Notice, Notices
from shadow_mlx.data.reading.problems import quoted
from shadow_mlx.data.reading.strict_json import Finding, InvalidLineError, read_text


@dataclass
class Findings:
    """Grows while a line is read.

    Attributes:
        problems: Pairs of what was found and what was expected.
        notices: What a person should know of the line, counted.
        keys: Keys of its messages and calls that not every chat template reads.
    """

    problems: list[Finding] = field(default_factory=list)
    notices: Notices = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)

    def refuse(self, found: str, expected: str) -> None:
        """Note one thing that is wrong."""
        self.problems.append((found, expected))

    def note(self, notice: Notice, count: int = 1) -> None:
        """Count what a person should know."""
        if count:
            self.notices[notice] += count


def parsed(value: Any, what: str, findings: Findings) -> Any:
    """The JSON inside a text, as many files carry tools and calls; other values as they are."""
    if not isinstance(value, str):
        return value
    try:
        return read_text(value)
    except InvalidLineError as error:
        found = error.findings[0][0]
        findings.refuse(f"{what} {quoted(value)}, which holds {found}", "JSON in the text")
        return None


def empty(value: Any) -> bool:
    """Whether a value says nothing: null, and text, array or object of nothing."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def without_nulls(value: dict[str, Any], but: Iterable[str] = ()) -> dict[str, Any]:
    """An object without its nulls: how tables pad what has not all columns."""
    kept = tuple(but)
    return {key: item for key, item in value.items() if item is not None or key in kept}


REASONING = Notice(
    "answer has a reasoning beside its words",
    "answers have a reasoning beside their words",
)
MISPLACED_REASONING = Notice(
    "reasoning of a message that is not the assistant's is left out",
    "reasonings of messages that are not the assistant's are left out",
)
WEIGHT_0 = Notice(
    "answer is marked as not to be trained: it is shown to the model only",
    "answers are marked as not to be trained: they are shown to the model only",
)
UNANSWERED = Notice(
    "message after the last answer of a conversation is neither trained nor shown",
    "messages after the last answer of a conversation are neither trained nor shown",
)
PART_KEYS = Notice(
    "part of a content has more keys than 'type' and 'text': they are left out",
    "parts of contents have more keys than 'type' and 'text': they are left out",
)
PADDED_TOOLS = Notice(
    "null is left out of tool descriptions: padding, as tables write it",
    "nulls are left out of tool descriptions: padding, as tables write it",
)
PADDED_CALLS = Notice(
    "null is left out of a tool call: the tool has no such argument",
    "nulls are left out of tool calls: the tools have no such arguments",
)
NULL_ARGUMENTS = Notice(
    "argument of a tool call is null and trained as it stands",
    "arguments of tool calls are null and trained as they stand",
)
