"""The whole report: one file that opens offline, fetches nothing, and runs only its own script.

Its content-security policy names the style and the script by their hashes: whatever an answer may
hold, a browser runs none of it.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from shadow_mlx.config.paths import local
from shadow_mlx.evaluation.figures import FIGURES, heading, names, remarks
from shadow_mlx.evaluation.report.examples import example
from shadow_mlx.evaluation.report.markup import Markup, element, join
from shadow_mlx.evaluation.report.plots import Bar, Point, bars, scatter
from shadow_mlx.evaluation.report.tables import matrix, meanings, summary
from shadow_mlx.files.writing import write_text

FILTERS = {
    "all": "every example",
    "fixed": "FIXED: right now, wrong before",
    "regressed": "REGRESSED: wrong now, right before",
    "wrong": "wrong in the second model",
    "right": "right in the second model",
    "all-wrong": "wrong in every model",
    "mixed": "right in some, wrong in others",
}
_FIGURE = {figure.key: figure for figure in FIGURES}


def free_report_name(data: str) -> str:
    """A name for the report on a test file that is free in the working folder."""
    base = f"compare-{Path(data).stem}"
    names = (f"{base}{'' if number == 1 else f'-{number}'}.html" for number in itertools.count(1))
    return next(name for name in names if local(name) is None)


def write_report(path: str | Path, figures: Mapping[str, Any]) -> None:
    """Write the report of ``Comparison.to_mapping()``, dated now, atomically.

    Raises:
        SurroundingsError: The disk refuses.
    """
    now = datetime.datetime.now().astimezone()
    write_text(path, render(figures, now.strftime("%Y-%m-%d %H:%M %Z")))


def render(figures: Mapping[str, Any], written: str = "") -> str:
    """The report as HTML.

    Args:
        figures: As ``Comparison.to_mapping()`` gives them.
        written: When, for its head.
    """
    title = f"Comparison on {Path(str(figures['data'])).name}"
    style, script = _asset("style.css"), _asset("script.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    body = element(
        "body",
        element("header", element("h1", title), *_facts(figures, written)),
        element("main", *_parts(figures)),
        element("script", script),
    )
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _facts(figures: Mapping[str, Any], written: str) -> list[Markup]:
    made = ", ".join(filter(None, ("made by shadow-mlx compare", written)))
    facts = [element("p", heading(figures)), element("p", made, class_="faint")]
    return facts + [element("p", remark, class_="partial") for remark in remarks(figures)]


def _parts(figures: Mapping[str, Any]) -> list[Markup]:
    return [
        _section("Figures", summary(figures), meanings()),
        _section("Plots", element("div", *_plots(figures["results"]), class_="plots")),
        _section("FIXED and REGRESSED", matrix(figures)),
        _section("Examples", _search(names(figures)), *_examples(figures)),
    ]


def _section(title: str, *content: Markup) -> Markup:
    key = title.lower().replace(" ", "-")
    return element("section", element("h2", title, id=key), *content, aria_labelledby=key)


def _plots(results: Sequence[Mapping[str, Any]]) -> list[Markup]:
    size, speed = _FIGURE["parameters"].title, _FIGURE["decode_tps"].title
    return [
        bars("exact", "Exact match: more is better", _bars(results, "exact"), top=1.0),
        bars("loss", "Loss: less is better", _bars(results, "loss")),
        scatter("size", "Exact match against size", _points(results, "parameters"), size),
        scatter("speed", "Exact match against speed", _points(results, "decode_tps"), speed),
    ]


def _bars(results: Sequence[Mapping[str, Any]], key: str) -> list[Bar]:
    return [Bar(result["name"], result[key], _FIGURE[key].of(result)) for result in results]


def _points(results: Sequence[Mapping[str, Any]], key: str) -> list[Point]:
    exact, other = _FIGURE["exact"], _FIGURE[key]
    return [
        Point(
            result["name"],
            result["mode"],
            x=result[key],
            y=result["exact"],
            shown=f"{exact.of(result)} {exact.title}, {other.of(result)} {other.title}",
        )
        for result in results
        if result[key]  # a speed that could not be measured has no place on the axis
    ]


def _search(models: Sequence[str]) -> Markup:
    """The filters, hidden until the script that works them runs."""
    last = len(models) - 1
    shows = [element("option", said, value=key) for key, said in FILTERS.items()]
    controls = [
        element("label", "Show ", element("select", *shows, id="show")),
        element("label", "second model ", _choice("second", models, last)),
        element("label", "against ", _choice("first", models, 0)),
        element("label", "containing ", element("input", type="search", id="words")),
        element("button", "Open all", type="button", id="open"),
        element("output", id="count", aria_live="polite"),
    ]
    return element("div", *controls, id="filters", role="search", hidden=True)


def _choice(key: str, models: Sequence[str], chosen: int) -> Markup:
    options = [
        element("option", name, value=i, selected=i == chosen) for i, name in enumerate(models)
    ]
    return element("select", *options, id=key)


def _examples(figures: Mapping[str, Any]) -> list[Markup]:
    note = (
        "In a wrong answer, ", element("ins", "underlined"), " words are not in the expected one, "
        "and ", element("del", "crossed out"), " words are missing.",
    )  # fmt: skip
    models = names(figures)
    listed = join([example(entry, models) for entry in figures["examples"]])
    return [element("p", *note, class_="faint"), element("div", listed, id="list")]


def _asset(name: str) -> Markup:
    """The style or the script, which are this package's own."""
    return Markup(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
