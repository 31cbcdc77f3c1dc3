"""Every example of a comparison: question, expected answer, what each model said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shadow_mlx.evaluation.differences import Piece, differences
from shadow_mlx.evaluation.report.markup import Markup, element, join

LONGEST = 4000
"""Characters of one text that are shown."""

_TAGS = {"added": "ins", "missing": "del"}
_VERDICTS = {True: "✔ right", False: "✘ wrong", None: "– not answered"}
_LETTERS = {True: "1", False: "0", None: "-"}


def example(entry: Mapping[str, Any], names: Sequence[str]) -> Markup:
    """One example, closed at first; ``data-right`` has one letter a model, for the filters."""
    right: Mapping[str, bool | None] = entry["right"]
    thoughts: Mapping[str, str] = entry.get("reasoning", {})
    answers = [
        join([_answer(name, entry["answers"][name], right[name], entry), _thoughts(thoughts, name)])
        for name in names
    ]
    return element(
        "details",
        element(
            "summary",
            element("b", f"Line {entry['line']}"),
            element("span", _verdicts(right, names), class_="verdicts"),
            element("span", _beginning(entry["prompt"]), class_="beginning", dir="auto"),
        ),
        element(
            "dl",
            element("dt", "Question"),
            _shown(entry["prompt"]),
            element("dt", "Expected"),
            _shown(entry["expected"]),
            *answers,
        ),
        class_="example",
        data_right="".join(_LETTERS[right[name]] for name in names),
    )


def _answer(name: str, answer: str | None, right: bool | None, entry: Mapping[str, Any]) -> Markup:
    term = element("dt", f"{name}: ", element("span", _VERDICTS[right], class_="verdict"))
    if answer is None:
        return term
    if right:
        return join([term, _shown(answer)])
    expected = str(entry["expected"])[:LONGEST]
    pieces = differences(expected.strip(), answer[:LONGEST].strip())
    return join([term, element("dd", *map(_piece, pieces), _cut(answer), dir="auto")])


def _thoughts(thoughts: Mapping[str, str], name: str) -> Markup:
    """What a model thought before its answer, closed at first."""
    if not thoughts.get(name):
        return join([])
    text = thoughts[name]
    head = element("summary", f"{name}: reasoning")
    folded = element("details", head, element("p", text[:LONGEST], _cut(text), dir="auto"))
    return element("dd", folded, class_="reasoning")


def _piece(piece: Piece) -> object:
    tag = _TAGS.get(piece.kind)
    return element(tag, piece.text) if tag else piece.text


def _shown(value: str) -> Markup:
    return element("dd", value[:LONGEST], _cut(value), dir="auto")


def _cut(value: str) -> str | Markup:
    rest = len(value) - LONGEST
    return element("i", f" … and {rest:,} more characters") if rest > 0 else ""


def _verdicts(right: Mapping[str, bool | None], names: Sequence[str]) -> str:
    said = []
    for verdict, words in _VERDICTS.items():
        group = [name for name in names if right[name] is verdict]
        if group:
            said.append(f"{words}: {', '.join(group)}")
    return " · ".join(said)


def _beginning(prompt: str) -> str:
    line = " ".join(prompt[:400].split())
    return line if len(line) <= 100 else line[:99] + "…"
