"""The figures of a comparison in the words and units that people read.

Table, HTML report and terminal UI show the same figures of ``Comparison.to_mapping``; they are
declared here once. Nothing here needs MLX.
"""

from __future__ import annotations

import dataclasses
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
        value = self.value(result)
        return MISSING if value is None else self.write(value)

    def value(self, result: Mapping[str, Any]) -> float | None:
        """The figure of one result, as a number."""
        value: float | None = result[self.key]
        return value


@dataclass(frozen=True)
class ScoreFigure(Figure):
    """A score of the comparison's metric, with its interval."""

    def of(self, result: Mapping[str, Any]) -> str:
        """The score, and in brackets its interval in per cent."""
        bounds = self.bounds(result)
        if bounds is None:
            return super().of(result)
        return f"{super().of(result)} ({100 * bounds[0]:.0f}–{100 * bounds[1]:.0f})"

    def value(self, result: Mapping[str, Any]) -> float | None:
        """The score."""
        value: float | None = result["scores"][self.key]["value"]
        return value

    def bounds(self, result: Mapping[str, Any]) -> tuple[float, float] | None:
        """Its interval; None where there is none."""
        score = result["scores"][self.key]
        return None if score["low"] is None else (score["low"], score["high"])


def _share(value: float) -> str:
    return f"{value:.1%}"


def _rate(value: float) -> str:
    return f"{value:,.0f}"


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"


def _perplexity(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"


WHATEVER = (
    Figure("exact", "exact", "answers that are the expected text, white space aside", _share),
    Figure(
        "field_f1",
        "field F1",
        "fields of JSON answers that are right: harmonic mean of precision and recall",
        _share,
    ),
)
"""Scores that are there whatever the metric: shown where it has not those itself."""

# In the order of what people ask first: a narrow screen cuts the last ones off.
COSTS = (
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


def scores(figures: Mapping[str, Any]) -> list[ScoreFigure]:
    """The scores of the comparison's metric, the share of right answers first."""
    interval = "in brackets its 95 % interval over the questions, in per cent"
    return [
        ScoreFigure(one["name"], one["title"], f"{one['meaning']}; {interval}", _share)
        for one in figures["metric"]["scores"]
    ]


def columns(figures: Mapping[str, Any]) -> list[Figure]:
    """The figures that are shown of a comparison, what people ask first to the left."""
    judged = scores(figures)
    keys = {figure.key for figure in judged}
    others = [
        figure
        for figure in WHATEVER
        if figure.key not in keys
        and any(figure.value(one) is not None for one in figures["results"])
    ]
    return [*judged, *others, *COSTS]


def rows(figures: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """For each model its name and, in the order of :func:`columns`, its figures."""
    shown = columns(figures)
    return [
        (str(result["name"]), *(figure.of(result) for figure in shown))
        for result in figures["results"]
    ]


def names(figures: Mapping[str, Any]) -> list[str]:
    """The models, in order."""
    return [str(result["name"]) for result in figures["results"]]


@dataclass(frozen=True)
class Between:
    """From one model's answers to another's; the fields are those of ``results.Pairing``."""

    fixed: int
    regressed: int
    difference: float
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    verdict: str

    def reversed(self) -> Between:
        """From the other to the one."""
        other = {"better": "worse", "worse": "better"}
        return dataclasses.replace(
            self,
            fixed=self.regressed,
            regressed=self.fixed,
            difference=-self.difference,
            low=None if self.high is None else -self.high,
            high=None if self.low is None else -self.low,
            verdict=other.get(self.verdict, self.verdict),
        )

    @property
    def net(self) -> int:
        """How many more are right, as far as it is no chance: 0 where that may explain it."""
        return 0 if self.verdict == "open" else self.fixed - self.regressed

    def __str__(self) -> str:
        """What may be said of it."""
        said = "no difference shown" if self.verdict == "open" else self.verdict
        points = f"{_points(self.difference)} points"
        if self.low is not None and self.high is not None:
            points += f", {_points(self.low)} to {_points(self.high)}"
        return f"{said} ({points}; {_chance(self.p, self.p_adjusted)})"


def changes(figures: Mapping[str, Any]) -> dict[tuple[str, str], Between]:
    """What (first, second) changed from the first model to the second.

    Every two models stand there in both orders.
    """
    found: dict[tuple[str, str], Between] = {}
    fields = [field.name for field in dataclasses.fields(Between)]
    for pairing in figures["pairings"]:
        change = Between(**{name: pairing[name] for name in fields})
        found[pairing["first"], pairing["second"]] = change
        found[pairing["second"], pairing["first"]] = change.reversed()
    return found


def sentences(figures: Mapping[str, Any]) -> list[str]:
    """What each model FIXED and REGRESSED against those before it, and whether that says much."""
    between = changes(figures)
    return [
        f"{p['second']} against {p['first']}: {p['fixed']} FIXED, {p['regressed']} REGRESSED, "
        f"{p['both_right']} right in both, {p['both_wrong']} wrong in both: "
        f"{between[p['first'], p['second']]}"
        for p in figures["pairings"]
    ]


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _chance(p: float, among_all: float) -> str:
    """McNemar's p, as it is among all pairs where that is another."""
    alone, among = _p(p), _p(among_all)
    return alone if alone == among else f"{alone}, among all pairs {among}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.0995 else f"p = {p:.2f}"


def heading(figures: Mapping[str, Any]) -> str:
    """How many questions of which file, and whether that is all of them."""
    return f"{words.counted(len(figures['examples']), 'question')} of {figures['data']}"


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
    return [*filter(None, [incomplete(figures)]), *figures.get("notes", []), *thinking]


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
