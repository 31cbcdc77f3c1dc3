"""What a comparison says, as rows and texts; pure functions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from shadow_mlx.terminal import visible
from tui.words import count, gigabytes

FILTERS = ("all", "fixed", "regressed", "wrong", "right")


@dataclass(frozen=True)
class Example:
    """One question with everybody's answers; ``right`` says which are exact."""

    line: int
    prompt: str
    expected: str
    answers: Mapping[str, str]
    right: Mapping[str, bool]


def examples_of(figures: Mapping[str, Any], right: Mapping[str, Sequence[bool]]) -> list[Example]:
    """The examples of a finished comparison."""
    return [
        Example(
            example["line"],
            str(example["prompt"]),
            str(example["expected"]),
            example["answers"],
            {name: flags[i] for name, flags in right.items()},
        )
        for i, example in enumerate(figures["examples"])
    ]


def columns() -> tuple[str, ...]:
    """Names of the figures in :func:`rows`."""
    return ("Model", "Exact", "Field F1", "Loss", "tok/s", "First", "Memory", "Parameters")


def rows(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row of figures for each model."""
    return [
        (
            visible(result["name"]),
            f"{result['exact']:.1%}",
            "–" if result["field_f1"] is None else f"{result['field_f1']:.1%}",
            f"{result['loss']:.3f}",
            f"{result['decode_tps']:,.0f}",
            f"{1000 * result['first_token_seconds']:,.0f} ms",
            gigabytes(result["memory_bytes"]),
            count(result["parameters"]),
        )
        for result in figures["results"]
    ]


def matrix(figures: Mapping[str, Any]) -> str:
    """What each model FIXED and REGRESSED against each before it, one line a pair."""
    return "\n".join(
        visible(
            f"{p['second']} against {p['first']}: FIXED {p['fixed']}, REGRESSED {p['regressed']}, "
            f"right in both {p['both_right']}, wrong in both {p['both_wrong']}"
        )
        for p in figures["pairings"]
    )


def chosen(examples: Sequence[Example], which: str, first: str, second: str) -> list[Example]:
    """The examples that ``second`` fixed or regressed against ``first``, or has right or wrong."""
    pairs = ((e, bool(e.right.get(first)), bool(e.right.get(second))) for e in examples)
    return [e for e, before, after in pairs if _belongs(which, before, after)]


def _belongs(which: str, before: bool, after: bool) -> bool:
    if which == "fixed":
        return after and not before
    if which == "regressed":
        return before and not after
    return which == "all" or after == (which == "right")


def detail(example: Example) -> Text:
    """One example in full: the question, what was expected, everybody's answer."""
    text = Text()
    text.append(f"line {example.line}\n", "bold")
    text.append(visible(example.prompt).strip() + "\n\n")
    text.append("expected\n", "bold")
    text.append(visible(example.expected) + "\n")
    for name, answer in example.answers.items():
        sign = "✔" if example.right.get(name) else "✘"
        text.append(f"\n{sign} {visible(name)}\n", "bold")
        text.append_text(differing(visible(example.expected), visible(answer)))
        text.append("\n")
    return text


def differing(reference: str, other: str) -> Text:
    """``other`` with what differs from ``reference`` underlined and bold."""
    before, after = _words(reference), _words(other)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    text = Text()
    for kind, _, _, start, end in matcher.get_opcodes():
        text.append("".join(after[start:end]), "" if kind == "equal" else "bold underline")
    return text


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)
