"""The terminal: nothing that it delivers ends the program, and it is left as it was found."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import sys
from typing import IO, Any

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.input.decoder import Decoder
from tui.input.typeahead import TypeAhead

WAIT_SECONDS = 0.1
"""How long a lone Escape waits for the rest of a key."""
READ_BYTES = 1 << 16
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def output() -> IO[str]:
    """Where to draw: on the error stream, unless that leads away from the terminal."""
    streams = [stream for stream in (sys.__stderr__, sys.__stdout__) if stream is not None]
    return next((stream for stream in streams if stream.isatty()), streams[0])


class TerminalDriver(LinuxDriver):
    """Textual's driver with another way in, and with a way out on signals.

    A signal that ends the program does so as ``Ctrl+Q`` does: the terminal is restored, children
    are ended, runs go on; the exit code is 128 and the signal's number.
    """

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._file = _Screen(output())  # type: ignore[assignment]  # Textual writes to it, no more
        self._ahead = TypeAhead(app)
        loop = asyncio.get_running_loop()
        for number in ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._leave, number)

    def send_message(self, message: Message) -> None:
        """Input takes its turn; everything else goes at once."""
        if isinstance(message, events.InputEvent | events.Paste):
            self._loop.call_soon_threadsafe(self._ahead.put, message)
        else:
            super().send_message(message)

    def run_input_thread(self) -> None:
        """Read until the program ends or the terminal is gone."""
        decoder = Decoder()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(WAIT_SECONDS):
                    data = self._read()
                    if not data:
                        self._loop.call_soon_threadsafe(self._leave, signal.SIGHUP)
                        return
                    for message in decoder.feed(data):
                        self.process_message(message)
                for message in decoder.tick():
                    self.process_message(message)

    def _read(self) -> bytes:
        try:
            return os.read(self.fileno, READ_BYTES)
        except OSError:  # Linux says so when the other side has closed
            return b""

    def _leave(self, number: int) -> None:
        self._app.exit(return_code=128 + number)

    def _query_in_band_window_resize(self) -> None:
        """Not asked for: the size is what the system says, not what stands in the stream."""


class _Screen:
    """A terminal to write to, also after it has gone: the program must still end in order."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()
