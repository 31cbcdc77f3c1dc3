"""``shadow-mlx tui`` on the other side of a pseudo-terminal: keys in, the screen out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import pyte

from tests.tui.support import NARROW, PATIENCE

LATEST = 20_000
"""Bytes of output that are kept as they came."""


PIECES = (
    b"\x1b", b"\x1b[", b"\x1bO", b"\x1b[200~", b"\x1b[201~", b"\x1b[?2048;1$y", b"\x1b[48;", b"<",
    b";", b":", b"u", b"~", b"M", b"m", b"t", b"R", b"A", b"$y", b"0", b"-1", b"97", b"55296",
    b"9" * 12, b"\x00", b"\x7f", b"\r", b"\xff", b"\xc2\x9b", b"\xf0\x9f", b"\xed\xa0\x80", b"x",
)  # fmt: skip
"""What keys, clicks, reports and pastes are made of, and what no terminal should send."""


class Terminal:
    """A terminal of its own for one process of the program.

    Args:
        size: Columns and rows.
        bytes_a_second: How fast it takes output; 0 for as fast as it comes.
        environment: Variables to set.
    """

    def __init__(
        self, size: tuple[int, int] = NARROW, *, bytes_a_second: int = 0, **environment: str
    ) -> None:
        self.raw = b""
        self.received = 0
        self._rate, self._due = bytes_a_second, 0.0
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.process, self._keys = pty.fork()
        if self.process == 0:
            columns, rows = size
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            variables = {**os.environ, "TERM": "xterm-256color", **environment}
            arguments = [sys.executable, "-m", "shadow_mlx", "tui"]
            os.execvpe(sys.executable, arguments, variables)

    @property
    def screen(self) -> str:
        """What a person sees, its lines joined and its spaces squeezed."""
        return " ".join(" ".join(self._screen.display).split())

    def wait_for(
        self, wanted: str | Callable[[str], Any], patience_seconds: float = PATIENCE
    ) -> None:
        """Read until a text stands on the screen, or a condition on the screen holds."""
        holds = (lambda screen: wanted in screen) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + patience_seconds
        while not holds(self.screen):
            assert time.monotonic() < deadline, self._seen()
            assert self._read(), self._seen()

    def press(self, keys: str) -> None:
        """Type; ``\\x11`` is Ctrl+Q, and so on."""
        self.send(keys.encode())

    def send(self, data: bytes) -> None:
        """What a terminal may deliver, keys or not."""
        os.write(self._keys, data)

    def hang_up(self) -> int:
        """Go away, as a window that is closed; returns the exit code."""
        os.close(self._keys)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])

    def read_for(self, seconds: float) -> None:
        """Let it go on for a while, for what is about time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._read()

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, self._seen()
        _, status = os.waitpid(self.process, 0)
        os.close(self._keys)
        code = os.waitstatus_to_exitcode(status)
        if code:  # what it said at last, for a test that fails for it
            print(self.raw[-LATEST // 4 :].decode(errors="replace"))
        return code

    def _read(self) -> bool:
        """Take some output; returns whether there can be more."""
        most = 65536
        if self._rate:
            time.sleep(max(0.0, self._due - time.monotonic()))
            most = self._rate // 20
        if not select.select([self._keys], [], [], 0.2)[0]:
            return True
        try:
            block = os.read(self._keys, most)
        except OSError:  # Linux says so when the other side has closed
            return False
        self._due = time.monotonic() + len(block) / self._rate if self._rate else 0.0
        self.received += len(block)
        self.raw = (self.raw + block)[-LATEST:]
        self._stream.feed(block)
        return bool(block)

    def _seen(self) -> str:
        return "\n".join(["the screen:", *self._screen.display])
