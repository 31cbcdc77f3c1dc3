"""Words at the left, what is said of them beside."""

from __future__ import annotations

from rich.console import Console

from tui.widgets.pairs import pairs


def test_what_is_said_is_broken_beside_its_word_and_shown_as_it_is() -> None:
    console = Console(width=14, legacy_windows=False)
    with console.capture() as capture:
        console.print(pairs([("data", "one two three"), ("x", "[b]\x1b")]))
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert lines == ["data  one two", "      three", "x     [b]␛"]
