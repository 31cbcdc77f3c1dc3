"""What a run printed, on the whole screen, followed while it is at work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Log, Static

from shadow_mlx import words
from shadow_mlx.runs.events import Noted
from shadow_mlx.runs.output import OutputReader
from shadow_mlx.terminal import visible
from tui.widgets.key_line import KeyLine

LOOK_SECONDS = 0.5
ELSEWHERE = "It printed nothing here: what a run prints that was started at a terminal is there."


class RunLog(ModalScreen[None]):
    """All that a run printed; at its end, new lines come into sight.

    Args:
        folder: The run's.
        notes: Remarks of its record, for a run that was started at a terminal.
    """

    HELP = """\
# The log of a run

All that its process printed, warnings of libraries too. At the end of it new lines come into sight;
`Home` and `End` lead to its ends, arrows and `PageUp`, `PageDown` between them. `Escape` goes back.
"""
    DEFAULT_CSS = """
    RunLog { background: $background; }
    RunLog #place { height: 1; padding: 0 1; background: $panel; text-style: bold; }
    RunLog Log { height: 1fr; padding: 0 1; background: $background; overflow: auto; }
    RunLog #unfinished { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,L,q", "leave", "Back", key_display="esc")
    ]

    def __init__(self, folder: Path, notes: Sequence[Noted] = ()) -> None:
        super().__init__()
        self._folder, self._notes = folder, notes

    def compose(self) -> ComposeResult:
        """Whose it is, the lines, and one that is not complete yet."""
        yield Static(f"log of {visible(self._folder.name)}", id="place", markup=False)
        yield Log()
        yield Static(id="unfinished", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin to read."""
        log = self.query_one(Log)
        log.focus()
        log.anchor()  # until one scrolls away from the end, and again when one is back
        self._follow()

    @work(exclusive=True, group="log")
    async def _follow(self) -> None:
        log, unfinished = self.query_one(Log), self.query_one("#unfinished", Static)
        reader = OutputReader(self._folder)
        empty = True
        while True:
            lines = await asyncio.to_thread(reader.read)
            if lines is None:  # it was resumed or begun anew, with a log of its own
                log.clear()
                continue
            if empty and reader.left_out and lines:
                left_out = words.file_size(reader.left_out)
                lines[0] = f"({left_out} before this are left out: {self._folder}/run/output.log)"
            if lines:
                empty = False
                log.write_lines(lines, scroll_end=False)
            if (rest := reader.unfinished) != str(unfinished.content):
                unfinished.update(rest)
            unfinished.display = bool(rest)
            if empty and not rest and not log.line_count:
                log.write_lines([ELSEWHERE, "", *(visible(one.message) for one in self._notes)])
            if not lines:
                await asyncio.sleep(LOOK_SECONDS)

    def action_leave(self) -> None:
        """Back to the run."""
        self.dismiss(None)
