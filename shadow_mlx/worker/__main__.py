"""The worker's loop: one thread reads requests, the main thread serves them in turn.

MLX's streams and random state belong to one thread, so the main thread does all the work. ``Stop``
is the exception: the reading thread interrupts the main thread, which breaks off what it does; an
answer or a comparison, asked to stop, gives what there is of it. A long look at data advances in
slices while nothing else is asked.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from types import FrameType

from shadow_mlx.errors import ShadowMLXError, surroundings_failure
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m

JOBS: dict[type[m.Request], str] = {
    m.ReadPage: "reading",
    m.Check: "reading",
    m.LookAt: "making",
    m.Make: "making",
    m.ShowTokens: "encoding",
    m.Measure: "encoding",
    m.ListModels: "models",
    m.Download: "models",
    m.RemoveModel: "models",
    m.SearchHub: "models",
    m.Estimate: "estimating",
    m.TryStep: "trying",
    m.Suggest: "suggesting",
    m.CompareFile: "comparing",
    m.Export: "delivering",
    m.Import: "delivering",
    m.Push: "delivering",
}
"""The module whose ``serve(request, send, stop)`` gives the replies; the chat has all others."""

ENDING_THEMSELVES = (m.CompareFile, m.Ask)
"""Requests whose jobs look at the token, and give what there is when they are asked to stop."""


class Worker:
    """Serves requests until stdin ends."""

    def __init__(self, replies: int) -> None:
        self._out = os.fdopen(replies, "wb", buffering=0)
        self._requests: queue.Queue[m.Request | None] = queue.Queue()
        self._slices: dict[int, Iterator[m.Reply]] = {}  # background work by request id
        self._cancelled: set[int] = set()
        self._current: int | None = None  # the request that may be interrupted now
        self._sending = self._late = False  # a line is being written; an interrupt waits for it
        self._chat: object | None = None
        self._stop: StopToken | None = None  # of a request that ends by itself when asked

    def run(self) -> None:
        """Read and serve; returns when the asking side has gone."""
        signal.signal(signal.SIGINT, self._interrupted)
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            request = self._next()
            if request is None:
                return
            self._serve(request)

    def _read(self) -> None:
        for line in sys.stdin.buffer:
            try:
                request = m.decode(line)
            except ValueError as error:
                print(f"worker: {error}", file=sys.stderr)
                continue
            if isinstance(request, m.Stop):
                self._cancelled.add(request.target)
                if self._current == request.target:
                    self._interrupt()
            elif isinstance(request, m.Request):
                self._requests.put(request)
        self._requests.put(None)
        if self._current is not None:
            self._interrupt()

    def _interrupt(self) -> None:
        """Break into the main thread, by a signal: a thread that waits hears nothing else."""
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)

    def _interrupted(self, _signal: int, _frame: FrameType | None) -> None:
        # Runs in the main thread, between two of its instructions: `_current` cannot change here.
        if self._stop is not None:
            self._stop.stop()
        elif self._sending:
            self._late = True
        elif self._current is not None:
            raise KeyboardInterrupt

    def _next(self) -> m.Request | None:
        """The next request; while there is none, background work advances."""
        while self._slices:
            try:
                return self._requests.get_nowait()
            except queue.Empty:
                self._advance()
        return self._requests.get()

    def _advance(self) -> None:
        number, work = next(iter(self._slices.items()))
        if number in self._cancelled:
            del self._slices[number]
            self._send(m.Done(number))
            return
        ended = True
        with self._told(number), contextlib.suppress(StopIteration):
            self._send(next(work))
            ended = False
        if ended:
            del self._slices[number]

    def _serve(self, request: m.Request) -> None:
        if request.id in self._cancelled:
            self._send(m.Done(request.id))
            return
        try:
            with self._told(request.id):
                self._current = request.id
                replies = self._replies(request)
                if isinstance(request, m.Check):
                    self._slices[request.id] = replies
                    return
                for reply in replies:
                    self._send(reply)
        except KeyboardInterrupt:
            self._current = None  # from here on nothing is interrupted
            self._send(m.Done(request.id))
        finally:
            self._current = self._stop = None

    @contextlib.contextmanager
    def _told(self, number: int) -> Iterator[None]:
        """Whatever goes wrong in a job is a reply, and the worker goes on."""
        try:
            yield
        except ShadowMLXError as error:
            self._send(m.Failed(number, str(error)))
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - of any job; the asking side hears of it
            if (known := surroundings_failure(error)) is not None:
                self._send(m.Failed(number, str(known)))
                return
            traceback.print_exc()
            self._send(m.Failed(number, f"{type(error).__name__}: {error}", bug=True))

    def _replies(self, request: m.Request) -> Iterator[m.Reply]:
        """The job's replies. Its module is imported when it is first asked for."""
        stop = StopToken()
        if isinstance(request, ENDING_THEMSELVES):
            self._stop = stop
        if type(request) not in JOBS:
            from shadow_mlx.worker.chatting import Chat

            if not isinstance(self._chat, Chat):
                self._chat = Chat(self._send)
            return self._chat.serve(request, stop)
        if isinstance(request, m.CompareFile):
            self._chat = None  # it loads what it needs; two models at once may not fit
        job = importlib.import_module(f"shadow_mlx.worker.{JOBS[type(request)]}")
        replies: Iterator[m.Reply] = job.serve(request, self._send, stop)
        return replies

    def _send(self, reply: m.Reply) -> None:
        """Write one whole line: an interrupt that comes meanwhile is raised after it."""
        line, written = m.encode(reply), 0
        self._sending = True
        while written < len(line):
            written += self._out.write(line[written:]) or 0
        self._sending = False
        if self._late:
            self._late = False
            if self._current is not None:
                raise KeyboardInterrupt


def main() -> None:
    """Keep stdout for replies alone; what libraries print goes to stderr."""
    replies = os.dup(1)
    os.dup2(2, 1)
    with contextlib.suppress(BrokenPipeError):  # the asking side has gone
        Worker(replies).run()
    sys.stderr.flush()
    os._exit(0)  # a thread may still sit in a read


if __name__ == "__main__":
    main()
