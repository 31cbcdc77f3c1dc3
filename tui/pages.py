"""The table of pages: their names, their order, and where their screens are made."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from textual.screen import Screen

PAGES = ("home", "models", "data", "train", "chat", "compare", "deliver")
RUN = "run"
"""The page of the run that was opened last; it is there once one was."""


def maker(name: str) -> Callable[[], Screen[Any]]:
    """A factory of the page's screen; its module is imported when the page is first shown."""

    def make() -> Screen[Any]:
        screen: Screen[Any] = importlib.import_module(f"tui.screens.{name}").PAGE()
        return screen

    return make
