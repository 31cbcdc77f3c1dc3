"""What the UI remembers between starts, in one small file that is written atomically."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.files.declared import COUNTED
from shadow_mlx.files.writing import write_json
from shadow_mlx.runs.record import without_waiting

LARGEST = 1 << 22
"""Bytes of the file that are read; a larger one is damaged."""

AT_END = ("nothing", "bell", "notification")
"""What a run's end does beside being shown: the terminal rings, or the desktop says it."""

WIDEST = 10_000
"""Cells of a pane."""

KEPT = 20
"""How many recent files, folders and models are remembered."""


@dataclass(frozen=True)
class UiState:
    """Preferences and recent choices.

    ``panes`` has the sizes, in cells, of panes whose divider was moved; ``keys`` maps binding ids
    to keys (rebinding), ``columns`` data to the columns chosen by hand. ``answers`` and ``compare``
    hold options of ``AnswerConfig`` and ``CompareConfig``. ``at_end`` says how the end of a run is
    told: one of :data:`AT_END`. ``cut_conversation`` is the name of the conversation that a signal
    cut off, to go on with it.
    """

    theme: str = "textual-dark"
    recent_data: tuple[str, ...] = ()
    recent_models: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    form: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    system_prompt: str = ""
    chart: dict[str, Any] = field(default_factory=dict)
    panes: dict[str, Any] = field(default_factory=dict)
    compare: dict[str, Any] = field(default_factory=lambda: {"limit": 200})
    keys: dict[str, str] = field(default_factory=dict)
    recent_adapters: tuple[str, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)
    at_end: str = "nothing"
    cut_conversation: str = ""

    def columns_of(self, data: str) -> dict[str, str]:
        """The columns that were chosen by hand for these data (options by name), if any.

        Data are known by their absolute path: the same name in another folder is another file.
        """
        known = self.columns.get(data)
        return {str(k): str(v) for k, v in known.items()} if isinstance(known, dict) else {}

    def with_columns(self, data: str, mapped: dict[str, str]) -> dict[str, Any]:
        """``columns`` with another choice; the oldest are forgotten."""
        others = {name: value for name, value in self.columns.items() if name != data}
        return dict([*others.items(), (data, mapped)][-KEPT:])

    def with_first(self, field: str, value: str) -> tuple[str, ...]:
        """One of the recent lists with ``value`` in front, each once, the oldest forgotten."""
        return (value, *(other for other in getattr(self, field) if other != value))[:KEPT]


def state_file() -> Path:
    """Where the state lies: ``SHADOW_MLX_STATE``, else the platform's place for it."""
    if named := os.environ.get("SHADOW_MLX_STATE"):
        return Path(named)
    if sys.platform == "darwin":
        root = Path.home() / "Library" / "Application Support"
    else:
        root = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return root / "shadow-mlx" / "tui.json"


def load_state() -> UiState:
    """The remembered state; what is missing, damaged or unknown becomes the default."""
    try:
        with open(state_file(), "rb", opener=without_waiting) as file:
            raw = json.loads(file.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        return UiState()
    return from_mapping(raw) if isinstance(raw, dict) else UiState()


def from_mapping(raw: dict[str, Any]) -> UiState:
    """A state from what a file holds, field by field, and in a field item by item."""
    defaults = UiState()
    values: dict[str, Any] = {}
    for one in dataclasses.fields(UiState):
        value, default = raw.get(one.name), getattr(defaults, one.name)
        if isinstance(default, tuple):
            if isinstance(value, list) and all(map(_is_text, value)):
                values[one.name] = tuple(value[:KEPT])
        elif isinstance(default, dict):
            if isinstance(value, dict):
                fits = _ITEMS.get(one.name, _is_plain)
                values[one.name] = {
                    key: item for key, item in value.items() if _is_text(key) and fits(key, item)
                }
        elif _is_text(value) and (one.name != "at_end" or value in AT_END):
            values[one.name] = value
    return UiState(**values)


def _is_text(value: object) -> bool:
    """Text that can be shown and be part of a path."""
    return isinstance(value, str) and "\0" not in value and _encodes(value)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_plain(_: str, value: object) -> bool:
    return _is_text(value) or (isinstance(value, int | float) and abs(value) < COUNTED)


def _is_look(name: str, value: Any) -> bool:
    if name == "log":
        return isinstance(value, bool)
    return name == "smoothing" and type(value) in (int, float) and 0 <= value < 1


def _is_option(name: str, value: Any, group: str) -> bool:
    if not all(_is_plain(name, one) for one in (value if isinstance(value, list) else [value])):
        return False
    from shadow_mlx import config
    from shadow_mlx.errors import ConfigError

    try:
        getattr(config, group).from_mapping({name: value})
    except ConfigError:
        return False
    return True


_ITEMS: dict[str, Callable[[str, Any], bool]] = {
    "answers": partial(_is_option, group="AnswerConfig"),
    "compare": partial(_is_option, group="CompareConfig"),
    "chart": _is_look,
    "panes": lambda _, value: type(value) is int and 0 < value < WIDEST,
    "keys": lambda _, value: _is_text(value),
    "columns": lambda _, value: (
        isinstance(value, dict) and all(_is_text(text) for pair in value.items() for text in pair)
    ),
}
"""What an item of a field may be, where not any text or number will do."""


def save_state(state: UiState) -> str | None:
    """Write the state; returns what went wrong, if anything (the UI goes on without)."""
    try:
        write_json(state_file(), dataclasses.asdict(state))
    except SurroundingsError as error:
        return str(error)
    return None
