"""The asking side of the worker: child processes, requests to them, replies as async iterators."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar, get_args

from shadow_mlx.runs.deaths import ending
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.worker import messages as m
from tui.views.chat_view import Weights

LINE_LIMIT = 64 << 20
KEPT_ERRORS = 40

Purpose = Literal["models", "data", "download", "delivery"]
SomeReply = TypeVar("SomeReply", bound=m.Reply)


class ChildError(Exception):
    """The request failed, or the child died; the message is for a person."""


class Child:
    """One worker process, started when first asked, and again after it died.

    Args:
        command: How to start it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Queue[m.Reply]] = {}
        self._numbers = itertools.count(1)
        self._errors: deque[str] = deque(maxlen=KEPT_ERRORS)
        self._tasks: list[asyncio.Task[None]] = []
        self._starting = asyncio.Lock()
        self._closed = False

    @property
    def process_id(self) -> int | None:
        """The living child's process id."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    def number(self) -> int:
        """A fresh request id."""
        return next(self._numbers)

    async def ask(self, request: m.Request) -> AsyncIterator[m.Reply]:
        """Send a request; yields its replies, the final one last.

        Left before its end (the caller lost interest), the request is stopped.

        Raises:
            ChildError: The request failed or the child ended.
        """
        await self._ensure()
        queue: asyncio.Queue[m.Reply] = asyncio.Queue()
        self._waiting[request.id] = queue
        ended = False
        try:
            await self._write(request)
            while True:
                reply = await queue.get()
                ended = m.is_final(reply)
                if isinstance(reply, m.Failed):
                    raise ChildError(reply.message)
                yield reply
                if ended:
                    return
        finally:
            self._waiting.pop(request.id, None)
            if not ended:
                self.stop(request.id)

    async def result(self, request: m.Request, kind: type[SomeReply]) -> SomeReply:
        """The final reply of a request, when nothing before it matters.

        Raises:
            ChildError: The request failed, was stopped, or the child ended.
        """
        async for reply in self.ask(request):
            if isinstance(reply, kind):
                return reply
        raise ChildError("stopped")

    def stop(self, number: int) -> None:
        """Ask the child to end a request early."""
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            return
        if not process.stdin.is_closing():
            process.stdin.write(m.encode(m.Stop(self.number(), number)))

    async def close(self) -> None:
        """End the child for good, at once if it does not end by itself soon."""
        self._closed = True
        async with self._starting:  # it may be about to be there
            process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it may end between a look and a signal
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
        await process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._process = None

    async def _ensure(self) -> None:
        # Who asks may lose interest meanwhile; a process that is half started would be nobody's.
        await asyncio.shield(self._start())

    async def _start(self) -> None:
        async with self._starting:
            if self._closed:
                raise ChildError("The program ends.")
            if self._process is not None and self._process.returncode is None:
                return
            self._errors.clear()
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C at the terminal is not for it
            )
            errors = asyncio.create_task(self._read_errors(process))
            self._tasks = [errors, asyncio.create_task(self._read(process, errors))]

    async def _write(self, request: m.Request) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(m.encode(request))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # _read notices the end and tells everybody who waits

    async def _read(self, process: asyncio.subprocess.Process, errors: asyncio.Task[None]) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            try:
                reply = m.decode(line)
            except ValueError:
                self._errors.append(line.decode(errors="replace").rstrip())
                continue
            if isinstance(reply, m.Reply) and (queue := self._waiting.get(reply.id)):
                queue.put_nowait(reply)
        code = await process.wait()
        await errors
        for number, queue in list(self._waiting.items()):
            queue.put_nowait(m.Failed(number, self._obituary(code)))

    async def _read_errors(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._errors.append(line.decode(errors="replace").rstrip())

    def _obituary(self, code: int) -> str:
        last = f"\n{self._errors[-1]}" if self._errors else ""
        how = ending(code, "\n".join(self._errors))
        return f"The model's process is gone: {how}. The next request starts a new one.{last}"


class Children:
    """The children by what they are for, each started with its first request.

    Args:
        command: How to start one.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._by_purpose: dict[str, Child] = {}
        self._loaded: tuple[object, m.Loaded] | None = None
        self._loading = asyncio.Lock()

    def __getitem__(self, purpose: Purpose) -> Child:
        """The child for a purpose."""
        return self._by_purpose.setdefault(purpose, Child(self._command))

    async def loaded(self, weights: Weights) -> m.Loaded:
        """Have the models' child hold these weights: at once, if it does already.

        Chat and comparison share that child, so that no two models are in memory.

        Raises:
            ChildError: They cannot be loaded.
        """
        child = self["models"]
        adapter = weights.adapter
        changed = RunFolder(Path(adapter)).adapter_changed if adapter else 0.0
        async with self._loading:
            if self._loaded and self._loaded[0] == (child.process_id, weights, changed):
                return self._loaded[1]
            self._loaded = None
            loaded = await child.result(m.Load(child.number(), *weights), m.Loaded)
            self._loaded = ((child.process_id, weights, changed), loaded)
            return loaded

    def forget_loaded(self) -> None:
        """The child has let go of its weights."""
        self._loaded = None

    async def installed_models(self) -> m.Models:
        """The models that this machine has, as the data's child sees them, and their room.

        Raises:
            ChildError: It cannot look.
        """
        child = self["data"]
        return await child.result(m.ListModels(child.number()), m.Models)

    async def close(self) -> None:
        """End all of them; whoever asks from now on is told that the program ends."""
        for purpose in get_args(Purpose):
            await self[purpose].close()
