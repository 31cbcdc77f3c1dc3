"""The server's process, against one that pretends."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from shadow_mlx.config import ServeConfig
from tests.tui import fake_server
from tests.tui.support import FAKE_SERVER, PATIENCE
from tui import server as server_module
from tui.server import KEPT_LINES, LONGEST_LINE, LocalServer, error_in


@pytest.fixture(autouse=True)
def fake_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.system.serve_command", lambda: FAKE_SERVER)


class Watched(LocalServer):
    """A server that can be waited for."""

    def __init__(self) -> None:
        super().__init__(self._set)
        self._new = asyncio.Event()

    def _set(self) -> None:
        self._new.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._new.clear()
                await self._new.wait()

    async def over(self, phase: str) -> None:
        await self.until(lambda: self.view.phase == phase)


@asynccontextmanager
async def started(port: int = 8080) -> AsyncIterator[Watched]:
    server = Watched()
    try:
        server.start(ServeConfig(port=port, adapter_path=("runs/robot",)))
        yield server
    finally:
        await server.close()
        assert server.process_id is None


async def test_from_its_start_to_its_end() -> None:
    async with started(8080) as server:
        assert server.view.phase == "starting"
        await server.until(lambda: server.logged == 2 and server.view.now.requests == 24)
        assert server.view.phase == "serving"
        assert server.view.url == "http://127.0.0.1:8080/v1"
        assert server.view.listening is not None
        assert server.view.listening.models == ("robot", "robot:detached", "robot:base")
        assert list(server.view.history) == fake_server.FIGURES
        number = server.process_id
        server.start(ServeConfig(port=3))  # it is there already
        assert server.process_id == number
        server.stop()
        assert server.view.phase == "ending"
        await server.over("off")
        assert server.view.now.requests == 27  # what it said last
        assert server.log()[-1].startswith("ending")


async def test_its_log_is_read_from_where_one_was() -> None:
    async with started() as server:
        await server.until(lambda: server.logged == 2)
        assert [line.split()[3] for line in server.log()] == ["200", "400"]
        assert server.log(1) == server.log()[1:]
        assert server.log(2) == server.log(3) == []
        for i in range(KEPT_LINES + 5):
            server._note(b"x" * (LONGEST_LINE + i))
        assert len(server.log()) == KEPT_LINES
        assert server.log()[-1] == "x" * LONGEST_LINE + "…"
        assert server.log(server.logged - 3) == server.log()[-3:]


async def test_it_can_be_started_again() -> None:
    async with started() as server:
        for _ in range(2):
            await server.until(lambda: server.logged == 2)
            server.stop()
            await server.over("off")
            server.start(ServeConfig())
            assert server.logged == 0
            assert server.view.history == ()


async def test_what_was_wrong_is_told_without_the_name_of_the_command() -> None:
    async with started(1) as server:
        await server.over("failed")
        said = "cannot listen on 127.0.0.1, port 1: Address already in use; choose another"
        assert server.view.problem == said


async def test_a_death_while_it_loads_is_explained() -> None:
    async with started(2) as server:
        await server.over("failed")
        assert "it was killed (SIGKILL), most likely because memory ran out" in server.view.problem
        assert server.view.problem.splitlines()[-1] == "reading the ␛[31mweights"


@pytest.mark.parametrize(
    ("number", "said"),
    [(signal.SIGKILL, "killed (SIGKILL)"), (signal.SIGTERM, "another program asked it to end")],
)
async def test_an_end_that_nobody_here_wanted_is_told(number: signal.Signals, said: str) -> None:
    async with started() as server:
        await server.until(lambda: server.logged == 2)
        assert server.process_id is not None
        os.kill(server.process_id, number)
        await server.over("failed")
        assert said in server.view.problem


async def test_stopped_before_it_is_there_it_does_not_come() -> None:
    async with started() as server:
        server.stop()
        await server.over("off")
        assert server.view.listening is None or server.logged


async def test_a_second_stop_does_not_wait() -> None:
    async with started(4) as server:
        await server.until(lambda: server.logged == 2)
        server.stop()
        await server.until(lambda: server.logged == 3)
        assert server.view.phase == "ending"
        server.stop()
        await server.over("off")


async def test_with_the_program_it_ends_whatever_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "ENDING_SECONDS", 0.05)
    async with started(4) as server:
        await server.until(lambda: server.logged == 2)
        number = server.process_id
        assert number is not None
        await server.close()
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
        server.start(ServeConfig())  # too late
        assert server.process_id is None


async def test_a_program_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.system.serve_command", lambda: ["./nothing"])
    async with started() as server:
        await server.over("failed")
        assert server.view.problem == "the server cannot be started: No such file or directory"


def test_the_error_is_the_last_that_says_it_is_one() -> None:
    lines = ["shadow-mlx: first", "a note", "shadow-mlx: --port: wrong", "  more of it"]
    assert error_in(lines) == "--port: wrong\n  more of it"
    assert error_in(["a note"]) == error_in([]) == ""
