"""The report's tables: what each model scored, and what each made better or worse than another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shadow_mlx.evaluation.figures import FIGURES, changes, names, rows
from shadow_mlx.evaluation.report.markup import Markup, element


def summary(figures: Mapping[str, Any]) -> Markup:
    """A row for each model, a column for each figure."""
    head = [element("th", name, scope="col") for name in ("model", *(f.title for f in FIGURES))]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell) for cell in row[1:]),
        )
        for row in rows(figures)
    ]
    return _table("What each model scored", head, body)


def meanings() -> Markup:
    """What each figure tells, closed at first."""
    said = [part for f in FIGURES for part in (element("dt", f.title), element("dd", f.meaning))]
    return element("details", element("summary", "What the figures mean"), element("dl", *said))


def matrix(figures: Mapping[str, Any]) -> Markup:
    """A row for each model, a column for each that it is held against."""
    models, changed, total = names(figures), changes(figures), len(figures["examples"])
    if len(models) < 2:
        return element("p", "There is only one model.")
    head = [element("th", "model", scope="col")]
    head += [element("th", f"against {name}", scope="col") for name in models]
    body = []
    for i, second in enumerate(models):
        cells = [element("th", second, scope="row")]
        for j, first in enumerate(models):
            if i == j:
                cells.append(element("td", "–"))
                continue
            fixed, regressed = changed[first, second]
            cells.append(
                element(
                    "td",
                    _jump("fixed", j, i, f"FIXED {fixed}"),
                    element("br"),
                    _jump("regressed", j, i, f"REGRESSED {regressed}"),
                    class_=_heat(fixed - regressed, total),
                )
            )
        body.append(element("tr", *cells))
    said = "What the model of the row made right (FIXED) or wrong (REGRESSED)"
    return _table(f"{said} against that of the column", head, body)


def _jump(show: str, first: int, second: int, said: str) -> Markup:
    """A link to the examples, which the script filters accordingly."""
    return element(
        "a", said, href="#examples", data_show=show, data_first=first, data_second=second
    )


def _heat(net: int, total: int) -> str | None:
    """A colour for what the figures in the cell say: four steps of better, four of worse."""
    if not net:
        return None
    step = min(4, 1 + int(4 * abs(net) / max(1, total)))
    return f"{'better' if net > 0 else 'worse'}-{step}"


def _table(caption: str, head: Sequence[Markup], body: Sequence[Markup]) -> Markup:
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    return element("div", table, class_="wide", tabindex=0, role="region", aria_label=caption)
