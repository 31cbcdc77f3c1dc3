"""What to ask a tuned model first: questions of its run's own validation examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from shadow_mlx.data.reading.records import Records
from shadow_mlx.data.reading.splits import validation_examples
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.runs.settings import settings_of
from shadow_mlx.worker import messages as m

LONGEST = 300
"""Characters of a question that a person sends by one key."""

TRIES = 20
"""Examples that are looked at for each question."""

Suggestion = tuple[str, str]
"""A question, and the system message that its example has, or ``""``."""


def serve(
    request: m.Suggest, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Some questions; none where the run, its data or its validation examples are not there."""
    yield m.Suggested(request.id, questions(Path(request.adapter), request.count))


def questions(adapter: Path, count: int) -> list[Suggestion]:
    """At most ``count`` different questions, spread evenly over the validation examples."""
    settings = settings_of(adapter)
    if settings is None or settings.data is None or not settings.val_batches:
        return []
    try:
        records = validation_examples(
            settings.data, settings.valid_fraction, settings.seed, settings.columns
        )
    except (ShadowMLXError, OSError):  # moved away since
        return []
    found: list[Suggestion] = []
    ends = [len(records or ()) * k // count for k in range(count + 1)]
    for start, end in pairwise(ends):
        for i in range(start, min(end, start + TRIES)):
            one = _question(records, i) if records is not None else None
            if one is not None and one not in found:
                found.append(one)
                break
    return found


def _question(records: Records, i: int) -> Suggestion | None:
    """What a person says first in an example, if it is short, and somebody answers."""
    try:
        messages = records[i].messages
    except (ShadowMLXError, OSError):  # nobody has checked the line
        return None
    system = ""
    if messages and messages[0]["role"] == "system":
        system, messages = _text(messages[0]), messages[1:]
    if len(messages) < 2 or [one["role"] for one in messages[:2]] != ["user", "assistant"]:
        return None
    said = _text(messages[0]).strip()
    return (said, system) if 0 < len(said) <= LONGEST else None


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""
