"""What is said and asked around files that are made of data files; nothing of the screen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHOWN = 6
"""Lines of a refusal that a question repeats."""

LONGEST = 300
"""Characters of such a line."""


@dataclass(frozen=True)
class WayOn:
    """Another try that a refusal leads to.

    Attributes:
        question: What was refused, and what can be done about it.
        option: The option that the other try has.
        value: Its value; for ``output`` one to begin with, which the person may change.
        key: The key that stands for it.
        label: What it does.
    """

    question: str
    option: str
    value: Any
    key: str = ""
    label: str = ""


def way_on(message: str, options: Mapping[str, Any], free: str) -> WayOn | None:
    """How a person may go on after a refusal; ``None`` where nothing but another file helps.

    Args:
        message: What the child said.
        options: Those that were tried.
        free: A name that nothing has, for what is to be written.
    """
    said = _short(message)
    if "--skip-bad-rows leaves" in message and not options.get("skip_bad_rows"):
        return WayOn(said, "skip_bad_rows", True, "l", "Leave them out")
    if "--encoding cp1252" in message and "encoding" not in options:
        return WayOn(
            said.partition("; or say")[0], "encoding", "cp1252", "w", "Read as Windows text"
        )
    if "with --output" in message and options.get("output") != free:
        return WayOn(f"{said.partition(';')[0]}. Write to:", "output", free)
    return None


def _short(message: str) -> str:
    """The first lines, in the words of a screen instead of a command line."""
    lines = [line[:LONGEST] for line in message.splitlines() if not line.startswith("--")]
    more = len(lines) - SHOWN
    rest = [f"… and {more:,} more lines"] if more > 0 else []
    return "\n".join([*lines[:SHOWN], *rest])


def free_name(source: str, action: str) -> str:
    """A name beside a file that nothing has."""
    path = Path(source)
    ending = "" if action == "split" else ".jsonl"
    middle = {"convert": "", "split": "-split", "sample": "-sample", "shuffle": "-shuffled"}
    number = 2
    while (place := path.with_name(f"{path.stem}{middle[action]}-{number}{ending}")).exists():
        number += 1
    return str(place)


def examples(typed: str) -> int | None:
    """How many examples somebody asks for; ``None`` for what is no number of them."""
    digits = re.sub(r"[\s,._]", "", typed)
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0
    return number or None
