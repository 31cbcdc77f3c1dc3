"""Other runs that are laid over one: chosen, their curves, and how their settings differ."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from shadow_mlx.config.paths import from_here
from shadow_mlx.runs.listing import ago, last_change
from shadow_mlx.runs.record import EventReader
from shadow_mlx.runs.settings import settings_of
from shadow_mlx.terminal import visible
from tui.screens.dialogs import Dialog
from tui.views import finder
from tui.views.loss_curves import OVERLAYS, Overlay
from tui.views.run_facts import Difference
from tui.widgets.field import Field


class Letters(Field):
    """A field for letters to find by, which leaves the space to who is around it."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether a key is the field's."""
        return key != "space" and super().check_consume_key(key, character)


class OverlayDialog(Dialog[tuple[Path, ...]]):
    """Which runs are laid over this one: typing narrows the list, space marks, Enter shows.

    Args:
        runs: All others, the newest first.
        marked: Those that are shown now.
    """

    AUTO_FOCUS = "Field"
    DEFAULT_CSS = """
    OverlayDialog OptionList { height: auto; max-height: 14; border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the field, which keeps the focus, takes them.
        Binding("space", "mark", "Mark", priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("down", "move(1)", "Down", show=False, priority=True),
        Binding("enter", "show", "Show", priority=True),
    ]

    def __init__(self, runs: Sequence[Path], marked: Sequence[Path]) -> None:
        super().__init__()
        self._runs = {from_here(str(run)): run for run in runs}
        self._ages = {name: ago(time.time() - last_change(run)) for name, run in self._runs.items()}
        self._marked = [name for name, run in self._runs.items() if run in marked]
        self._marked.sort(key=lambda name: list(marked).index(self._runs[name]))
        self._before = bool(self._marked)
        self._found: list[str] = []

    def compose(self) -> ComposeResult:
        """What is asked, the field, the runs, and the keys."""
        with Vertical(classes="dialog"):
            yield Static("Other runs' validation losses over this one's:", markup=False)
            yield Letters(placeholder="some letters of a name", compact=True)
            yield OptionList(markup=False)
            yield Static(classes="hint", markup=False)

    def on_mount(self) -> None:
        """All of them."""
        self._match()

    def on_input_changed(self, event: Field.Changed) -> None:
        """Find with every letter."""
        event.stop()
        self._match()

    def _match(self) -> None:
        listed = self.query_one(OptionList)
        self._found = finder.fuzzy(self._typed, self._runs)
        listed.clear_options()
        listed.add_options(Option(self._line(name)) for name in self._found)
        if not self._found:
            listed.add_option(Option("No run here is called so.", disabled=True))
        listed.highlighted = 0 if self._found else None
        self._hint()

    @property
    def _typed(self) -> str:
        return self.query_one(Field).value.strip()

    def _line(self, name: str) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        if name in self._marked:
            number = self._marked.index(name) + 1
            text.append(f"[{number}] ", f"way-other-{number}")
        else:
            text.append("[ ] ")
        text.append(visible(name))
        text.append(f"  {self._ages[name]}", "dim")
        return text

    def _hint(self, full: bool = False) -> None:
        most = f"No more than {OVERLAYS} · " if full else ""
        said = f"{most}Space: mark up to {OVERLAYS} · Enter: show · Esc: as it was"
        self.query_one(".hint", Static).update(said)

    def action_mark(self) -> None:
        """Mark the run, or not any more."""
        listed = self.query_one(OptionList)
        at = listed.highlighted
        if at is None or at >= len(self._found):
            return
        name = self._found[at]
        full = name not in self._marked and len(self._marked) == OVERLAYS
        if name in self._marked:
            self._marked.remove(name)
        elif not full:
            self._marked.append(name)
        for i, one in enumerate(self._found):  # numbers move up
            listed.replace_option_prompt_at_index(i, self._line(one))
        self._hint(full)

    def action_move(self, by: int) -> None:
        """Another run of the list."""
        listed = self.query_one(OptionList)
        listed.action_cursor_up() if by < 0 else listed.action_cursor_down()

    def action_show(self) -> None:
        """Those that are marked; where none is, the one here, if none was or something is typed."""
        at = self.query_one(OptionList).highlighted
        names = list(self._marked)
        if not names and at is not None and at < len(self._found) and not self._cleared:
            names = [self._found[at]]
        self.dismiss(tuple(self._runs[name] for name in names))

    @property
    def _cleared(self) -> bool:
        """Whether those that were shown are taken away."""
        return self._before and not self._typed

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """A click marks."""
        event.stop()
        self.action_mark()


async def read(others: Sequence[Path]) -> tuple[Overlay, ...]:
    """The validation losses of these runs, or the training losses of those that have none."""
    found = []
    for other in others:
        view = await asyncio.to_thread(EventReader(other).read_all)
        series = view.valid if len(view.valid) else view.train
        found.append(Overlay(visible(other.name), series))
    return tuple(found)


def differences(folder: Path, others: Sequence[Path]) -> dict[str, list[Difference]]:
    """How the settings of other runs differ from those of the one in ``folder``, by their names."""
    mine = settings_of(folder) if others else None
    found = {}
    for other in others:
        theirs = settings_of(other)
        if mine is not None and theirs is not None:
            found[other.name] = mine.differing(theirs, ignoring=("adapter_path",))
    return found
