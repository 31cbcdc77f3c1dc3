"""``serve`` as a program: it ends in order, and loses nothing when it is killed."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.serving.reports import Figures, Listening, from_json

SECONDS = 120.0


class Served:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    def ask(self, name: str, **fields: Any) -> Any:
        value = {"model": name, "prompt": "ab", "max_tokens": 5, **fields}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/v1/completions",
            json.dumps(value).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as reply:
            return json.load(reply)

    def value(self, name: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as reply:
            text = reply.read().decode()
        found = re.search(rf"^shadow_mlx_{name} (\S+)$", text, re.MULTILINE)
        assert found is not None
        return float(found[1])

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.02)


@contextmanager
def serve(*flags: str) -> Iterator[Served]:
    command = [sys.executable, "-m", "shadow_mlx", "serve", *flags]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stderr is not None
        said = ""
        while "Ctrl-C ends it" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        found = re.search(r"at http://127\.0\.0\.1:(\d+)/v1", said)
        assert found is not None
        yield Served(process, int(found[1]))
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_was_asked_be_answered(tiny_adapter: Path, number: int) -> None:
    with serve("--adapter-path", str(tiny_adapter), "--port", "0") as server:
        answers: list[Any] = []
        asking = threading.Thread(
            target=lambda: answers.append(server.ask(tiny_adapter.name, max_tokens=300))
        )
        asking.start()
        server.wait_for(lambda: server.value("answers_running") == 1)
        server.process.send_signal(number)
        asking.join(SECONDS)
        assert answers[0]["usage"]["completion_tokens"] == 300
        assert server.process.wait(SECONDS) == 0


@pytest.mark.slow
def test_a_second_signal_does_not_wait(tiny_adapter: Path) -> None:
    with serve("--adapter-path", str(tiny_adapter), "--port", "0") as server:
        failed = threading.Event()

        def ask() -> None:
            try:
                server.ask(tiny_adapter.name, max_tokens=8000)
            except OSError:
                failed.set()

        asking = threading.Thread(target=ask)
        asking.start()
        server.wait_for(lambda: server.value("answers_running") == 1)
        server.process.send_signal(signal.SIGINT)
        assert server.process.stderr is not None
        while "once more" not in server.process.stderr.readline():
            pass
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(SECONDS) == 130
        asking.join(SECONDS)
        assert failed.is_set()


@pytest.mark.slow
def test_for_a_program_it_says_in_json_where_it_is_and_ends_with_who_reads(
    tiny_adapter: Path,
) -> None:
    command = [sys.executable, "-m", "shadow_mlx", "serve", "--json", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--adapter-path", str(tiny_adapter)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        assert process.stdout is not None
        where = from_json(process.stdout.readline())
        assert isinstance(where, Listening)
        assert where.models[0] == tiny_adapter.name
        port = int(where.url.rpartition(":")[2].removesuffix("/v1"))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=SECONDS) as reply:
            assert reply.status == 200
        before, after = (from_json(process.stdout.readline()) for _ in range(2))
        assert isinstance(before, Figures)
        assert isinstance(after, Figures)
        assert (before.requests, after.requests) == (0, 1)
        process.stdout.close()
        assert process.wait(SECONDS) == 141
    finally:
        process.kill()
        process.wait()


def left(server: Served, name: str) -> None:
    """A question to a server that is killed."""
    with pytest.raises((OSError, http.client.HTTPException)):
        server.ask(name, max_tokens=8000)


@pytest.mark.slow
def test_killed_and_begun_again_it_answers_the_same(tiny_adapter: Path) -> None:
    before = {path: path.read_bytes() for path in tiny_adapter.iterdir() if path.is_file()}
    with serve("--adapter-path", str(tiny_adapter), "--port", "0") as server:
        expected = server.ask(tiny_adapter.name)["choices"]
        threading.Thread(target=left, args=(server, tiny_adapter.name)).start()
        server.wait_for(lambda: server.value("answers_running") == 1)
        server.process.kill()
        server.process.wait()
        port = server.port
    assert {path: path.read_bytes() for path in tiny_adapter.iterdir() if path.is_file()} == before
    with serve("--adapter-path", str(tiny_adapter), "--port", str(port)) as again:
        assert again.ask(tiny_adapter.name)["choices"] == expected


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--adapter-path", "nowhere"], "no adapter in nowhere"),
        ([], "no adapter in adapters"),
        (["--host", "0.0.0.0", "--model", "sprout"], "other machines can reach that"),
        (["--port", "99999"], "--port: must be at most 65,535"),
        (["--api-key", "secret-in-the-list"], "unknown argument '--api-key'"),
        (["--api-key-file", "nowhere", "--model", "sprout"], "--api-key-file nowhere"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    flags: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHADOW_MLX_API_KEY", raising=False)
    assert main(["serve", *flags]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.timeout(60)
def test_a_signal_may_come_at_any_moment(
    tiny_adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the program is about to wait for it, which it is here most of the time."""

    moments, killers = random.Random(0), list[subprocess.Popen[bytes]]()

    class Catalogue:
        @property
        def names(self) -> tuple[str, ...]:
            """Said when signals are listened to."""
            later = f"sleep {moments.random() / 100}; kill -TERM {os.getpid()}"
            killers.append(subprocess.Popen(["sh", "-c", later]))
            return ("one",)

    @contextmanager
    def serving(config: object) -> Iterator[Any]:
        scheduler = SimpleNamespace(close=lambda: None, join=lambda seconds: True)
        service = SimpleNamespace(scheduler=scheduler, catalogue=Catalogue())
        yield SimpleNamespace(service=service, url="")

    monkeypatch.setattr("shadow_mlx.serving.running.serving", serving)
    monkeypatch.setattr("shadow_mlx.cli.commands.serve.LOOK_SECONDS", 1e-6)
    for _ in range(300):
        assert main(["serve", "--adapter-path", str(tiny_adapter)]) == 0
        assert killers[-1].wait() == 0
