"""The server that a person starts here: ``shadow-mlx serve`` as a process of its own.

It says on its stdout where it listens and what it counts, and on its stderr what goes into its
log. It ends with this program: by a signal where there is time for one, and by itself, since nobody
reads what it says, where there is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
from collections import deque
from collections.abc import Callable

from shadow_mlx.config import ServeConfig
from shadow_mlx.runs.deaths import ending
from shadow_mlx.serving.reports import Listening, Report, from_json
from shadow_mlx.terminal import visible
from tui import system
from tui.views.command import flags
from tui.views.serving import KEPT, Phase, ServerView

LINE_LIMIT = 64 << 20
KEPT_LINES = 500
LONGEST_LINE = 400
"""Characters of a line of the log that are kept: with ``--log-contents`` one may be a book."""

LOG_SECONDS = 0.1
"""How long lines of the log are gathered before they are shown."""

ENDING_SECONDS = 3.0
"""How long what was asked may still be answered when this program ends; then the end itself."""

ERROR = "shadow-mlx: "
"""How the line begins in which a command says what is wrong."""


class LocalServer:
    """One server at a time.

    Args:
        changed: Told when there is something new.

    Attributes:
        view: What is known of it.
        number: Which one it is, of those that were started here.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.view = ServerView()
        self.number = 0
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._soon: asyncio.TimerHandle | None = None
        self._signals = 0  # asked for so far
        self._log: deque[str] = deque(maxlen=KEPT_LINES)
        self._logged = 0
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """Of the process, while there is one."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    @property
    def logged(self) -> int:
        """How many lines its log has had."""
        return self._logged

    def log(self, since: int = 0) -> list[str]:
        """The lines of its log, but for the first ``since``; the oldest are forgotten."""
        new = min(self._logged - since, len(self._log))
        return list(self._log)[len(self._log) - new :] if new > 0 else []

    def start(self, options: ServeConfig) -> None:
        """Start it, unless one is there."""
        if self.view.up or self._closed:
            return
        self._log.clear()
        self._logged = self._signals = 0
        self._process = None
        self.number += 1
        self._show(ServerView("starting", options))
        self._task = asyncio.create_task(self._run(options))

    def stop(self) -> None:
        """Have it answer what was asked, and end; once more: at once."""
        if not self.view.up:
            return
        self._signals += 1
        self._signal()
        self._show(dataclasses.replace(self.view, phase="ending"))

    async def close(self) -> None:
        """End it for good: in order if that is soon."""
        self._closed = True
        task = self._task
        if task is None:
            return
        for _ in range(2):
            if not task.done():
                self.stop()
                await asyncio.wait([task], timeout=ENDING_SECONDS)
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it may end between the two
                self._process.kill()
        await asyncio.gather(task, return_exceptions=True)
        if self._soon is not None:
            self._soon.cancel()

    def _signal(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # as above
                process.terminate()

    async def _run(self, options: ServeConfig) -> None:
        try:
            self._process = process = await asyncio.create_subprocess_exec(
                *system.serve_command(),
                *flags(options),
                "--json",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C at the terminal is not for it
            )
        except OSError as error:
            self._fail(f"the server cannot be started: {error.strerror}")
            return
        if self._signals:  # while it was about to be there
            self._signal()
        assert process.stdout is not None
        assert process.stderr is not None
        log = asyncio.create_task(self._read_log(process.stderr))
        while line := await process.stdout.readline():
            try:
                self._heard(from_json(line))
            except ValueError:
                self._note(line)
        code = await process.wait()
        await log
        self._over(code)

    def _heard(self, report: Report) -> None:
        if isinstance(report, Listening):
            phase: Phase = "ending" if self._signals else "serving"
            view = dataclasses.replace(self.view, phase=phase, listening=report)
        else:
            history = (*self.view.history, report)[-KEPT:]
            view = dataclasses.replace(self.view, history=history)
        self._show(view)

    async def _read_log(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self._note(line)
            if self._soon is None:  # lines may come by the hundred
                self._soon = asyncio.get_running_loop().call_later(LOG_SECONDS, self._logs)

    def _logs(self) -> None:
        self._soon = None
        self._changed()

    def _note(self, line: bytes) -> None:
        text = visible(line.decode(errors="replace").rstrip())
        self._log.append(f"{text[:LONGEST_LINE]}…" if len(text) > LONGEST_LINE else text)
        self._logged += 1

    def _over(self, code: int) -> None:
        if self._signals:
            self._show(dataclasses.replace(self.view, phase="off"))
        elif code == 0:
            self._fail("The server ended: another program asked it to end.")
        elif self.view.listening is None and (said := error_in(self.log())):
            self._fail(said)
        else:
            lines = self.log()
            last = f"\n{lines[-1]}" if lines else ""
            self._fail(f"The server is gone: {ending(code, chr(10).join(lines))}.{last}")

    def _fail(self, problem: str) -> None:
        self._show(dataclasses.replace(self.view, phase="failed", problem=problem))

    def _show(self, view: ServerView) -> None:
        self.view = view
        self._changed()


def error_in(lines: list[str]) -> str:
    """What a command that failed said last, without its own name; empty if it said nothing so."""
    for i in reversed(range(len(lines))):
        if lines[i].startswith(ERROR):
            return "\n".join(lines[i:]).removeprefix(ERROR)
    return ""
