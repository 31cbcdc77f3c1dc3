"""What a comparison says, as rows and texts; pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from shadow_mlx.evaluation.differences import differences
from shadow_mlx.evaluation.figures import changes, names
from shadow_mlx.evaluation.figures import columns as figure_columns
from shadow_mlx.evaluation.figures import rows as figure_rows
from shadow_mlx.terminal import visible
from tui.views import palette

FILTERS = ("all", "fixed", "regressed", "wrong", "right", "wrong in all", "mixed")
SIGNS = {True: "✔", False: "✘", None: "–"}


@dataclass(frozen=True)
class Example:
    """One question with everybody's answers.

    ``right`` says which are right; None, there and among the answers, stands for those that a
    stopped comparison did not come to.
    """

    line: int
    prompt: str
    expected: str
    answers: Mapping[str, str | None]
    right: Mapping[str, bool | None]


def examples_of(figures: Mapping[str, Any]) -> list[Example]:
    """The examples of a comparison."""
    return [
        Example(
            entry["line"],
            str(entry["prompt"]),
            str(entry["expected"]),
            entry["answers"],
            entry["right"],
        )
        for entry in figures["examples"]
    ]


def columns(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the figures in :func:`rows`."""
    return ("model", *(figure.title for figure in figure_columns(figures)))


def rows(figures: Mapping[str, Any]) -> list[tuple[Text, ...]]:
    """One row of figures for each model, its name in the colour of its way of answering."""
    ways = ways_of(figures)
    return [
        (Text(visible(name), ways[name]), *(Text(visible(one)) for one in rest))
        for name, *rest in figure_rows(figures)
    ]


def ways_of(figures: Mapping[str, Any]) -> dict[str, str]:
    """The style of each model by its name."""
    return {result["name"]: palette.way(result["mode"]) for result in figures["results"]}


def verdict(right: bool | None) -> Text:
    """The sign of right, wrong, or neither."""
    return Text(SIGNS[right], palette.MEANINGS[right])


def matrix(figures: Mapping[str, Any]) -> list[tuple[Text, ...]]:
    """A row for each model; a cell says what it FIXED (+) and REGRESSED (−) against a column's."""
    models, changed, ways = names(figures), changes(figures), ways_of(figures)

    def cell(first: str, second: str) -> Text:
        if first == second:
            return Text("·")
        change = changed[first, second]
        return Text.assemble(
            (f"+{change.fixed}", palette.GOOD if change.fixed else ""),
            " ",
            (f"−{change.regressed}", palette.BAD if change.regressed else ""),
        )

    return [
        (Text(visible(second), ways[second]), *(cell(first, second) for first in models))
        for second in models
    ]


def chosen(
    examples: Sequence[Example], which: str, first: str, second: str, words: str = ""
) -> list[Example]:
    """The examples that a filter leaves.

    Args:
        examples: All of them.
        which: One of :data:`FILTERS`; what ``second`` fixed or regressed against ``first``, or
            has right or wrong; what all have wrong; what some have right and others wrong.
        first: The model that is compared with.
        second: The model that is looked at.
        words: Text that must stand in question, expected answer or an answer.
    """
    return [
        example
        for example in examples
        if _belongs(which, example, first, second) and _holds(example, words.lower())
    ]


def _belongs(which: str, example: Example, first: str, second: str) -> bool:
    before, after = example.right.get(first), example.right.get(second)
    everybody = [right for right in example.right.values() if right is not None]
    return {
        "all": True,
        "fixed": before is False and after is True,
        "regressed": before is True and after is False,
        "wrong": after is False,
        "right": after is True,
        "wrong in all": bool(everybody) and not any(everybody),
        "mixed": any(everybody) and not all(everybody),
    }[which]


def _holds(example: Example, words: str) -> bool:
    texts = (example.prompt, example.expected, *(a for a in example.answers.values() if a))
    return not words or any(words in text.lower() for text in texts)


def detail(example: Example) -> Text:
    """One example in full: the question, what was expected, everybody's answer."""
    text = Text()
    text.append(f"line {example.line}\n", "bold")
    text.append(visible(example.prompt).strip() + "\n\n")
    text.append("expected\n", "bold")
    text.append(visible(example.expected) + "\n")
    for name, answer in example.answers.items():
        text.append("\n").append_text(verdict(example.right.get(name)))
        text.append(f" {visible(name)}\n", "bold")
        if answer is None:
            text.append("not answered", "italic")
        else:
            text.append_text(differing(visible(example.expected), visible(answer)))
        text.append("\n")
    return text


def differing(reference: str, other: str) -> Text:
    """``other`` with what differs from ``reference`` underlined and bold."""
    text = Text()
    for piece in differences(reference, other):
        if piece.kind != "missing":
            text.append(piece.text, "bold underline" if piece.kind == "added" else "")
    return text
