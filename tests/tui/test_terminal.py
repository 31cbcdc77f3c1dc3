"""The program in a real terminal: a pseudo-terminal of 80 × 24, keys in, bytes out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from pathlib import Path

from tests.tui.support import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """Runs ``shadow-mlx tui`` on the other side of a pseudo-terminal."""

    def __init__(self, **environment: str) -> None:
        self.output = b""
        self.process, self._keys = pty.fork()
        if self.process == 0:
            variables = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
            variables.update(environment)
            arguments = [sys.executable, "-m", "shadow_mlx", "tui"]
            os.execvpe(sys.executable, arguments, variables)
        size = struct.pack("HHHH", 24, 80, 0, 0)
        fcntl.ioctl(self._keys, termios.TIOCSWINSZ, size)

    def wait_for(self, text: str) -> None:
        """Read until the text has been written; it may have been written before."""
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.output:
            assert time.monotonic() < deadline, self.output[-3000:]
            self._read()

    def press(self, keys: str) -> None:
        self.output = b""
        os.write(self._keys, keys.encode())

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, self.output[-3000:]
        _, status = os.waitpid(self.process, 0)
        os.close(self._keys)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        if select.select([self._keys], [], [], 0.2)[0]:
            try:
                block = os.read(self._keys, 65536)
            except OSError:  # Linux says so when the other side has closed
                return False
            self.output += block
            return bool(block)
        return True


def test_from_the_first_screen_to_leaving_it() -> None:
    terminal = Terminal()
    terminal.wait_for("a first run, all filled in")
    terminal.press("3")
    terminal.wait_for("[3 Data]")
    terminal.press("\x11")  # Ctrl+Q
    assert terminal.end() == 0
    assert b"\x1b[?1049l" in terminal.output  # the screen that was there before is back
    assert b"Traceback" not in terminal.output


def test_without_colour_nothing_is_lost() -> None:
    terminal = Terminal(NO_COLOR="1")
    terminal.wait_for("[1 Home]")
    colours = [code for code in terminal.output.split(b"\x1b[") if code.startswith(b"38;2;")]
    for code in colours:  # grey: red, green and blue are the same
        red, green, blue = code.split(b"m")[0].split(b";")[2:5]
        assert red == green == blue
    terminal.press("\x11")
    assert terminal.end() == 0
