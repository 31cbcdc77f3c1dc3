from __future__ import annotations

import pytest

from tui.system import notification


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, "\x1b]9;it: done, well\a"),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, "\x1b]9;it: done, well\a"),
        ({"VTE_VERSION": "7000"}, "\x1b]777;notify;it;done, well\a"),
        ({"TERM": "foot"}, "\x1b]777;notify;it;done, well\a"),
        ({"TERM": "xterm-256color"}, "\a"),
        ({"TERM_PROGRAM": "ghostty", "TMUX": "/tmp/x"}, "\a"),
        ({}, "\a"),
    ],
)
def test_terminals_are_told_as_they_understand_it(environment: dict[str, str], wanted: str) -> None:
    assert notification("it", "done; well", environment) == wanted
