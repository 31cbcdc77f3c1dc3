"""The whole report: one file that opens offline, fetches nothing, and runs only its own script.

Its content-security policy names the style and the script by their hashes: whatever an answer may
hold, a browser runs none of it. The page itself is ``report.html``, a template.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from shadow_mlx import words
from shadow_mlx.colours import OTHERS, colours
from shadow_mlx.config.paths import local
from shadow_mlx.evaluation.contenders import ORDER
from shadow_mlx.evaluation.differences import Piece, differences
from shadow_mlx.evaluation.figures import (
    COSTS,
    Figure,
    ScoreFigure,
    changes,
    columns,
    heading,
    names,
    remarks,
    rows,
    scores,
    sentences,
)
from shadow_mlx.evaluation.report.plots import WIDTH, Bar, Drawing, Point, bars, scatter
from shadow_mlx.files.writing import write_text
from shadow_mlx.terminal import visible

FILTERS = {
    "all": "every example",
    "fixed": "FIXED: right now, wrong before",
    "regressed": "REGRESSED: wrong now, right before",
    "wrong": "wrong in the second model",
    "right": "right in the second model",
    "all-wrong": "wrong in every model",
    "mixed": "right in some, wrong in others",
}
LONGEST = 4000
"""Characters of one text that are shown."""

VERDICTS = {True: "✔ right", False: "✘ wrong", None: "– not answered"}
MARKS = {True: "better", False: "worse", None: "faint"}
"""The classes of their colours: green and red are for right and wrong alone."""

LETTERS = {True: "1", False: "0", None: "-"}
"""What the filters look at."""

_COST = {figure.key: figure for figure in COSTS}


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
    style, script = _colours() + _asset("style.css"), _asset("script.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _template().render(
        title=f"Comparison on {Path(str(figures['data'])).name}",
        policy=policy,
        style=Markup(style),  # this package's own
        script=Markup(script),
        written=written,
        heading=heading(figures),
        remarks=remarks(figures),
        columns=columns(figures),
        rows=rows(figures),
        plots=_plots(figures),
        models=names(figures),
        ways={result["name"]: _way(result["mode"]) for result in figures["results"]},
        changes=changes(figures),
        sentences=sentences(figures),
        examples=figures["examples"],
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        finalize=_finalize,
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
    )
    environment.globals.update(
        {
            **{"filters": FILTERS, "verdicts": VERDICTS, "letters": LETTERS, "marks": MARKS},
            **{"longest": LONGEST, "width": WIDTH, "heat": _heat, "told": _told},
            **{"beginning": _beginning, "differences": _differences, "way": _way},
        }
    )
    return environment.from_string(_asset("report.html"))


def _finalize(value: object) -> object:
    """What is written: control characters are made visible, numbers are short."""
    if isinstance(value, float):
        return f"{round(value, 1):g}"
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _plots(figures: Mapping[str, Any]) -> list[Drawing]:
    results, judged = figures["results"], scores(figures)[0]
    title = f"Right answers ({judged.title})"
    against = [
        scatter(key, f"{title} against {key}", _points(results, judged, cost), cost.title, write)
        for key, cost, write in (
            ("memory", _COST["memory_bytes"], words.size),
            ("speed", _COST["decode_tps"], None),
            ("size", _COST["parameters"], None),
        )
    ]
    return [
        bars("score", f"{title}: more is better", _bars(results, judged), top=1.0),
        bars("loss", "Loss: less is better", _bars(results, _COST["loss"])),
        *against,
    ]


def _bars(results: Sequence[Mapping[str, Any]], figure: Figure) -> list[Bar]:
    return [
        Bar(
            result["name"],
            figure.value(result),
            figure.of(result),
            _bounds(result, figure),
            result["mode"],
        )
        for result in results
    ]


def _bounds(result: Mapping[str, Any], figure: Figure) -> tuple[float, float] | None:
    return figure.bounds(result) if isinstance(figure, ScoreFigure) else None


def _points(results: Sequence[Mapping[str, Any]], judged: ScoreFigure, cost: Figure) -> list[Point]:
    return [
        Point(
            result["name"],
            result["mode"],
            x=x,
            y=y,
            shown=f"{judged.of(result)} {judged.title}, {cost.of(result)} {cost.title}",
            bounds=judged.bounds(result),
        )
        for result in results
        for x, y in [(cost.value(result), judged.value(result))]
        if x and y is not None  # a speed that could not be measured has no place on the axis
    ]


def _way(mode: str) -> str:
    """The class of the style sheet for a way of answering; rivals have one for all of them."""
    return f"way-{mode if mode in ORDER else OTHERS[0]}"


def _colours() -> str:
    """The colours that mean something, for both kinds of ground, and their classes."""
    light, dark = (
        " ".join(f"--way-{name}: {colour};" for name, colour in colours(dark=dark).items())
        for dark in (False, True)
    )
    classes = " ".join(
        f".way-{name} {{ color: var(--way-{name}); }}" for name in colours(dark=True)
    )
    return (
        f":root {{ {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{classes}\n"
    )


def _heat(net: int, total: int) -> str:
    """A colour for what the figures in a cell say: four steps of better, four of worse."""
    step = min(4, 1 + int(4 * abs(net) / max(1, total)))
    return f"{'better' if net > 0 else 'worse'}-{step}" if net else ""


def _told(
    right: Mapping[str, bool | None], models: Sequence[str]
) -> list[tuple[bool | None, list[str]]]:
    """Each verdict with the models that it is true of."""
    groups = [(verdict, [m for m in models if right[m] is verdict]) for verdict in VERDICTS]
    return [(verdict, group) for verdict, group in groups if group]


def _beginning(prompt: str) -> str:
    line = " ".join(prompt[:400].split())
    return line if len(line) <= 100 else line[:99] + "…"


def _differences(expected: object, answer: str) -> list[Piece]:
    return differences(str(expected)[:LONGEST].strip(), answer[:LONGEST].strip())


def _asset(name: str) -> str:
    """The page, the style or the script."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
