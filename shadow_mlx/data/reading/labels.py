"""Texts with labels: what a label may be, and how a model is asked for one.

A person says the text and nothing else, and the assistant answers with the label: what is trained
is what a chat with the tuned model is. Where the labels are few the question may list them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shadow_mlx.data.reading.findings import Findings
from shadow_mlx.data.reading.problems import quoted

LISTED = "Answer with the label of this text, one of: {labels}.\n\n{text}"
"""The question where the labels are listed."""

MOST_LISTED = 20
"""Labels that a question may list: a longer list takes more tokens than most texts."""


ONE_LABEL = (
    "one label, a text or a whole number (--text-feature alone trains the texts without labels)"
)


@dataclass(frozen=True)
class Labels:
    """What is known of the labels of a file.

    Attributes:
        names: Of the labels that are numbers, from 0; empty where nothing names them.
        listed: The labels that each question lists; empty where the text alone is said.
    """

    names: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()

    def question(self, text: str) -> str:
        """What a person says to get the label of a text."""
        if not self.listed:
            return text
        return LISTED.format(labels=", ".join(self.listed), text=text)

    def read(self, value: Any, column: str, findings: Findings) -> str:
        """The label that stands in a column, as text; empty where something is wrong with it."""
        number = _whole(value)
        if isinstance(value, bool):
            return str(value).lower()
        if number is not None:
            return self._name(number, column, findings)
        if not isinstance(value, str):
            findings.refuse(f"'{column}' is {quoted(value)}", ONE_LABEL)
            return ""
        if not value.strip():
            findings.refuse(f"'{column}' is empty", "a label")
            return ""
        return value

    def _name(self, number: int, column: str, findings: Findings) -> str:
        if not self.names:
            return str(number)
        if 0 <= number < len(self.names):
            return self.names[number]
        found = f"'{column}' is the number {number}"
        findings.refuse(
            found, f"one of the labels that README.md names: 0 to {len(self.names) - 1}"
        )
        return ""


UNNAMED = Labels()
"""Labels as they stand in the lines, and none of them listed."""


def _whole(value: Any) -> int | None:
    """A whole number, also one that a table has written with a point."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None
