"""Chat templates are programs of strangers: what they may compute, for how long, how much.

jinja2's sandbox keeps a template from Python and from the machine; it does not keep it from
building gigabytes or from running for ever. So a process of its own renders it
(:mod:`~shadow_mlx.data.chat.renderer`), which the system ends:

- *time*: a timer of the time that it computes, so that a busy machine refuses nothing;
- *memory*: a limit on its addresses where the system keeps one, and else a look at it from here;
- *size*: what it writes is counted as it is written.

Nothing of a template runs in this process, and an operation that is not interrupted from inside
(``9 ** 9 ** 9``) is none to the system.
"""

from __future__ import annotations

import atexit
import json
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing import Pipe
from typing import Any

from shadow_mlx.data.chat import renderer
from shadow_mlx.machine import memory_of

SECONDS = 1.0
"""Seconds that a rendering may compute: some ten thousand times what is usual."""

CHARACTERS = 2_000_000
"""Characters that a template may write."""

MEMORY = 1 << 29
"""Bytes of the process that renders."""

SECONDS_EACH, CHARACTERS_EACH, MEMORY_EACH = 1 / 100_000, 50, 100
"""What a template may take more for every character that it is given."""

LOOK_EVERY = 50
"""Milliseconds between two looks at the memory of a rendering that is not done yet."""


class TooMuchError(ValueError):
    """A template takes more time or memory than it may; the message says which."""


def render(source: str, variables: Mapping[str, Any]) -> str:
    """The text that a template makes of its variables.

    Args:
        source: The template.
        variables: ``messages``, ``tools`` and whatever else it reads, of JSON's types.

    Raises:
        TooMuchError: It takes longer, or more memory. Longer conversations may take more.
        TypeError: An operation is not one of its values' types.
        ValueError: It cannot be read, refuses, or writes too much; the message is the reason.
    """
    return _RENDERER.ask(source, variables)


def variables_of(source: str) -> set[str]:
    """The variables that a template takes from outside; none of one that cannot be read."""
    try:
        return set(_RENDERER.ask(source, None).split())
    except (TypeError, ValueError):
        return set()


class Renderer:
    """The process that renders: begun when it is first asked, and anew when it was ended.

    One rendering at a time: a second thread waits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line, _ = Pipe()
        self._arrival = select.poll()

    def ask(self, source: str, variables: Mapping[str, Any] | None) -> str:
        """The text of a template; the names of its variables where none are given."""
        given = json.dumps(variables)
        seconds = SECONDS + len(given) * SECONDS_EACH
        memory = MEMORY + len(given) * MEMORY_EACH
        characters = CHARACTERS + len(given) * CHARACTERS_EACH
        limits = json.dumps({"seconds": seconds, "memory": memory, "characters": characters})
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._process = self._begun()
            try:
                said = self._exchange(
                    self._process, f'{source}\0{limits[:-1]}, "variables": {given}}}', memory
                )
            except (EOFError, OSError):
                raise _lost(self.end(), seconds) from None
            except BaseException:  # Ctrl-C, say: what comes now is not the next one's answer
                self.end()
                raise
            word, _, text = said.partition("\0")
            if word == "MemoryError":
                self.end()  # it may have kept some of it
                raise _too_large(memory)
        if word != "text":
            raise (TypeError if word == "TypeError" else ValueError)(text)
        return text

    def end(self) -> int:
        """End the process; returns how it ended."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.kill()
        self._line.close()
        return process.wait()

    def _exchange(self, process: subprocess.Popen[bytes], request: str, memory: int) -> str:
        self._line.send_bytes(request.encode("utf-8", "surrogatepass"))
        while not self._arrival.poll(LOOK_EVERY):
            if memory_of(process.pid) > memory:
                raise _too_large(memory)
        return self._line.recv_bytes().decode("utf-8", "surrogatepass")

    def _begun(self) -> subprocess.Popen[bytes]:
        self._line, theirs = Pipe()
        self._arrival = select.poll()
        self._arrival.register(self._line, select.POLLIN)
        with theirs:
            return subprocess.Popen(
                [sys.executable, "-P", renderer.__file__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is ours
            )


def _too_large(memory: int) -> TooMuchError:
    return TooMuchError(f"the chat template takes more than {memory >> 20:,} MB")


def _lost(status: int, seconds: float) -> TooMuchError:
    if status == -signal.SIGPROF:
        return TooMuchError(f"the chat template runs for more than {seconds:.3g} seconds")
    return TooMuchError(f"the chat template ended the process that renders it ({status})")


_RENDERER = Renderer()
atexit.register(_RENDERER.end)
