"""What the UI remembers between starts, in one small file that is written atomically."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.files import write_json

KEPT = 20
"""How many recent files, folders and models are remembered."""


@dataclass(frozen=True)
class UiState:
    """Preferences and recent choices.

    ``panes`` has the sizes, in cells, of panes whose divider was moved; ``keys`` maps binding ids
    to keys (rebinding), ``columns`` data to the columns chosen by hand.
    """

    theme: str = "textual-dark"
    recent_data: tuple[str, ...] = ()
    recent_models: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    form: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    system_prompt: str = ""
    chart: dict[str, Any] = field(default_factory=dict)
    panes: dict[str, Any] = field(default_factory=dict)
    compare_limit: str = "200"
    keys: dict[str, str] = field(default_factory=dict)
    recent_adapters: tuple[str, ...] = ()
    columns: dict[str, Any] = field(default_factory=dict)

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


def remember(values: tuple[str, ...], new: str) -> tuple[str, ...]:
    """``values`` with ``new`` in front, each once, the oldest forgotten."""
    return (new, *(value for value in values if value != new))[:KEPT]


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
        raw = json.loads(state_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return UiState()
    return from_mapping(raw) if isinstance(raw, dict) else UiState()


def from_mapping(raw: dict[str, Any]) -> UiState:
    """A state from what a file holds, field by field."""
    defaults = UiState()
    values: dict[str, Any] = {}
    for one in dataclasses.fields(UiState):
        value, default = raw.get(one.name), getattr(defaults, one.name)
        if isinstance(default, tuple):
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                values[one.name] = tuple(value[:KEPT])
        elif isinstance(value, type(default)):
            values[one.name] = value
    return UiState(**values)


def save_state(state: UiState) -> str | None:
    """Write the state; returns what went wrong, if anything (the UI goes on without)."""
    try:
        write_json(state_file(), dataclasses.asdict(state))
    except SurroundingsError as error:
        return str(error)
    return None
