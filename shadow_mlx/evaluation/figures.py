"""The figures of a comparison in the words and units that people read.

Table, HTML report and terminal UI show the same figures of ``Comparison.to_mapping``; they are
declared here once. Nothing here needs MLX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shadow_mlx import words

MISSING = "–"


@dataclass(frozen=True)
class Figure:
    """One measured figure: its key in a result, its title, its meaning, and how it is written."""

    key: str
    title: str
    meaning: str
    write: Callable[[Any], str]

    def of(self, result: Mapping[str, Any]) -> str:
        """The figure of one result, with its unit."""
        value = result[self.key]
        return MISSING if value is None else self.write(value)


def _share(value: float) -> str:
    return f"{value:.1%}"


def _rate(value: float) -> str:
    return f"{value:,.0f}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"


def _perplexity(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"


# In the order of what people ask first: a narrow screen cuts the last ones off.
FIGURES = (
    Figure("exact", "exact", "answers that are the expected text, white space aside", _share),
    Figure(
        "field_f1",
        "field F1",
        "fields of JSON answers that are right: harmonic mean of precision and recall",
        _share,
    ),
    Figure("loss", "loss", "cross entropy in nats a supervised token", "{:.3f}".format),
    Figure("decode_tps", "decode tok/s", "generated tokens a second, one question alone", _rate),
    Figure(
        "first_token_seconds",
        "first token",
        "from the question to the first token of its answer",
        _milliseconds,
    ),
    Figure(
        "memory_bytes",
        "peak memory",
        "weights, cache, and the most that computing one answer took beside them",
        words.size,
    ),
    Figure("perplexity", "perplexity", "e to the power of the loss", _perplexity),
    Figure("parameters", "parameters", "everything that the model needs to answer", "{:,}".format),
    Figure(
        "trainable_parameters",
        "trainable",
        "those of the parameters that training changes",
        "{:,}".format,
    ),
    Figure("prompt_tps", "prompt tok/s", "prompt tokens read a second", _rate),
)


def rows(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each model its name and, in the order of :data:`FIGURES`, its figures."""
    return [
        (str(result["name"]), *(figure.of(result) for figure in FIGURES))
        for result in figures["results"]
    ]


def names(figures: Mapping[str, Any]) -> list[str]:
    """The models, in order."""
    return [str(result["name"]) for result in figures["results"]]


def changes(figures: Mapping[str, Any]) -> dict[tuple[str, str], tuple[int, int]]:
    """What (first, second) changed from the first model to the second: (FIXED, REGRESSED).

    Every two models stand there in both orders.
    """
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for pairing in figures["pairings"]:
        first, second = pairing["first"], pairing["second"]
        found[first, second] = (pairing["fixed"], pairing["regressed"])
        found[second, first] = (pairing["regressed"], pairing["fixed"])
    return found


def heading(figures: Mapping[str, Any]) -> str:
    """How many questions of which file, and whether that is all of them."""
    count = len(figures["examples"])
    return f"{count} question{'' if count == 1 else 's'} of {figures['data']}"


def incomplete(figures: Mapping[str, Any]) -> str:
    """What is missing of a comparison that was stopped, or ``""``."""
    if not figures.get("stopped"):
        return ""
    total = len(figures["examples"])
    cut = [
        f"{result['name']} answered {result['questions']} of {total}"
        for result in figures["results"]
        if result["questions"] < total
    ]
    return "; ".join(["partial: stopped before everything was measured", *cut])


def remarks(figures: Mapping[str, Any]) -> list[str]:
    """What a reader must know beside the figures, a sentence each."""
    thinking = [
        f"{result['name']}: {result['unfinished']} answers were still thinking at their longest "
        "length (--max-tokens) and say nothing"
        for result in figures["results"]
        if result.get("unfinished")
    ]
    balanced = [
        f"{result['name']}: macro F1 {_share(result['macro_f1'])}, the mean over the labels"
        for result in figures["results"]
        if result.get("macro_f1") is not None
    ]
    return [*filter(None, [incomplete(figures)]), *figures.get("notes", []), *balanced, *thinking]


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns of equal width: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
