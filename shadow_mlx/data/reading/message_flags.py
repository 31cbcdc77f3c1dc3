"""What a message says of itself: whether it is trained, and what was thought before it."""

from __future__ import annotations

from typing import Any

from shadow_mlx.data.reading.findings import (
    MISPLACED_REASONING,
    REASONING,
    WEIGHT_0,
    Findings,
    empty,
)
from shadow_mlx.data.reading.problems import quoted

TRAINED = ("weight", "train", "training", "trainable", "loss", "loss_weight", "loss_scale")
"""Flags that say yes by 1 or true: OpenAI's, Axolotl's two, and those of others."""

MASKED = ("masked",)
"""Flags that say no by 1 or true."""

SPANS = ("train_detail", "training_detail")
"""Flags for parts of a message, which are not known here."""

_FLAGS = frozenset((*TRAINED, *MASKED, *SPANS))

REASONING_KEY = "reasoning_content"
"""The key of what was thought before an answer, in our records."""

REASONINGS = (REASONING_KEY, "reasoning", "thinking")
"""Its names in templates and in others' records."""


def take_weight(message: dict[str, Any], where: str, findings: Findings) -> int | None:
    """Take the flags out of a message: 1 to train it, 0 to show it only, ``None`` if not said."""
    if _FLAGS.isdisjoint(message):
        return None
    said: dict[int, str] = {}
    for name in (*TRAINED, *MASKED):
        value = message.pop(name, None)
        if value is None:
            continue
        if not isinstance(value, int | float) or value not in (0, 1):
            expected = "0 or 1 (false or true): a whole message is trained, or not"
            findings.refuse(f"{where} has the {name} {quoted(value)}", expected)
            continue
        trained = int(value) if name in TRAINED else 1 - int(value)
        said.setdefault(trained, f"{name} {quoted(value)}")
    for name in SPANS:
        if not empty(message.pop(name, None)):
            expected = "whole messages, each trained or not"
            findings.refuse(f"{where} has '{name}', for parts of it", expected)
    if len(said) > 1:
        findings.refuse(f"{where} has the {said[1]} and the {said[0]}", "flags that agree")
        return None
    weight: int | None = next(iter(said), None)
    if message["role"] == "assistant":
        findings.note(WEIGHT_0, weight == 0)
        return weight
    if weight == 1:
        found = f"{where} ({quoted(message['role'])}) has the {said[1]}"
        findings.refuse(found, "0, or no flag: assistant turns alone are trained")
    return None


def take_reasoning(
    message: dict[str, Any], more: str, where: str, findings: Findings
) -> str | None:
    """Take the reasoning out of a message, whatever its name; ``more`` is that of its content."""
    said: dict[str, str] = {more: "the content"} if more.strip() else {}
    for name in REASONINGS:
        value = message.pop(name, None)
        if empty(value):
            continue
        if not isinstance(value, str):
            findings.refuse(f"{where} has the {name} {quoted(value)}", "text")
        elif value.strip():
            said.setdefault(value, f"'{name}'")
    if not said:
        return None
    if message["role"] != "assistant":
        findings.note(MISPLACED_REASONING)
        return None
    if len(said) > 1:
        names = " and ".join(said.values())
        findings.refuse(f"{where} has different reasoning in {names}", "one reasoning")
    findings.note(REASONING)
    return next(iter(said))
