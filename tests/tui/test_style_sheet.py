"""The style sheet parses what is new, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from textual.css import stylesheet

from tests.tui.support import WIDE, press, shown, until, words
from tui.app import ShadowApp
from tui.style_sheet import StyleSheet

RED, BLUE = {"ink": "#ff0000"}, {"ink": "#0000ff"}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The sources that are parsed, in turn, each with its rank."""
    sources: list[tuple[str, int]] = []
    parse = stylesheet.parse

    def noted(scope: str, css: str, *arguments: Any, **options: Any) -> Any:
        sources.append((css, options["tie_breaker"]))
        return parse(scope, css, *arguments, **options)

    monkeypatch.setattr(stylesheet, "parse", noted)
    return sources


def colour(sheet: StyleSheet) -> str:
    (rule,) = sheet.rules
    return rule.styles.color.hex


def test_rules_have_the_variables_of_now() -> None:
    sheet = StyleSheet(RED)
    sheet.add_source("Label { color: $ink; }")
    assert colour(sheet) == "#FF0000"
    sheet.set_variables(BLUE)
    sheet.reparse()
    assert colour(sheet) == "#0000FF"
    sheet.set_variables(RED)
    sheet.reparse()
    assert colour(sheet) == "#FF0000"


def test_a_source_is_parsed_once_for_each_set_of_variables(parsed: list[tuple[str, int]]) -> None:
    source = "Button { color: $ink; background: $ink; }"
    for _ in range(2):
        sheet = StyleSheet(RED)
        sheet.add_source(source)
        for variables in (RED, BLUE, RED, BLUE):
            sheet.set_variables(dict(variables))
            sheet.reparse()
            assert sheet.rules
    assert parsed == [(source, 0), (source, 0)]


def test_what_is_added_later_is_parsed_alone(parsed: list[tuple[str, int]]) -> None:
    sheet = StyleSheet(RED)
    sheet.add_source("Static { color: $ink; width: 1; }")
    assert len(sheet.rules) == 1
    sheet.add_source("Static { color: $ink; width: 2; }")
    sheet.reparse()
    assert len(sheet.rules) == 2
    assert len(parsed) == 2


async def test_a_page_that_is_looked_at_again_parses_nothing(parsed: list[tuple[str, int]]) -> None:
    app = ShadowApp()
    async with shown(app, WIDE) as pilot:
        for page in ("2", "1"):
            await press(pilot, page)
        await until(pilot, lambda: "Home" in words(pilot))
        assert len(parsed) == len(set(parsed))
        parsed.clear()
        await press(pilot, "2")
        await until(pilot, lambda: "Models" in words(pilot))
        assert not parsed
