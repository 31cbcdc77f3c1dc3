"""Connections that behave badly."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from shadow_mlx.serving import wire
from tests.serving.conftest import SECONDS, Running, Serve, wait_for


def head(name: str, body: bytes, *more: str, version: str = "1.1") -> bytes:
    lines = [
        f"POST {name} HTTP/{version}",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def question(running: Running, **fields: Any) -> bytes:
    messages = [{"role": "user", "content": "hello"}]
    return json.dumps({"model": running.names[0], "messages": messages, **fields}).encode()


def connected(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", running.port), timeout=SECONDS)


def read_all(line: socket.socket) -> bytes:
    data = b""
    while piece := line.recv(1 << 16):
        data += piece
    return data


def running_answers(running: Running) -> float:
    return running.server.service.scheduler.gauges["answers_running"]


@pytest.mark.parametrize("stream", [False, True])
def test_who_goes_away_in_the_middle_frees_the_place(serve: Serve, stream: bool) -> None:
    with serve(concurrency=1, queue=0) as running:
        for _ in range(3):
            body = question(running, max_tokens=8000, stream=stream)
            with connected(running) as line:
                line.sendall(head("/v1/chat/completions", body) + body)
                if stream:
                    assert line.recv(100).startswith(b"HTTP/1.1 200")
                wait_for(lambda: running_answers(running) == 1)
                assert running.post({"model": running.names[0], "prompt": "x"},
                                    "/v1/completions").status == 429  # fmt: skip
            wait_for(lambda: running_answers(running) == 0)
        got = running.post({"model": running.names[0], "prompt": "x"}, "/v1/completions")
        assert got.status == 200
        metrics = running.server.service.metrics
        wait_for(lambda: metrics.value("disconnects_total") == 3)
        wait_for(lambda: running.log.getvalue().count("client gone") == 3)


def test_several_requests_on_one_connection(running: Running) -> None:
    body = question(running, max_tokens=3)
    bad = b'{"model": 3}'
    with connected(running) as line:
        line.sendall(head("/v1/chat/completions", body) + body)
        line.sendall(head("/v1/chat/completions", bad) + bad)
        line.sendall(head("/v1/chat/completions", body, "Connection: close") + body)
        replies = read_all(line)
    assert replies.count(b"HTTP/1.1 200 OK") == 2
    assert replies.count(b"HTTP/1.1 400 Bad Request") == 1


def test_an_old_client_is_answered_without_chunks(running: Running) -> None:
    body = question(running, max_tokens=3, stream=True)
    with connected(running) as line:
        line.sendall(head("/v1/chat/completions", body, version="1.0") + body)
        reply = read_all(line)
    assert b"Transfer-Encoding" not in reply
    assert reply.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_json(running: Running, sent: bytes) -> None:
    with connected(running) as line:
        line.sendall(sent)
        reply = read_all(line)
    assert json.loads(reply.partition(b"\r\n\r\n")[2] or reply)["error"]["message"]


@pytest.mark.parametrize(
    ("begin", "status"), [(b"POST /v1/nowhere", b"404"), (b"GET /health", b"200")]
)
def test_an_unread_body_is_no_request(running: Running, begin: bytes, status: bytes) -> None:
    """What a request sends that nobody reads is not taken for the next one."""
    smuggled = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    length = f"Content-Length: {len(smuggled)}".encode()
    with connected(running) as line:
        line.sendall(begin + b" HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n\r\n" + smuggled)
        reply = read_all(line)
    assert reply.count(b"HTTP/1.1") == 1
    assert status in reply.partition(b"\r\n")[0]


def test_a_body_that_does_not_come_is_not_waited_for(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.2)
    with connected(running) as line:
        line.sendall(head("/v1/completions", b"x" * 100) + b"{")
        assert b"408" in read_all(line).partition(b"\r\n")[0]


def test_a_large_body_is_refused_before_it_is_read(running: Running) -> None:
    size = (running.server.service.config.max_body << 10) + 1
    with connected(running) as line:
        line.sendall(head("/v1/completions", b"x" * size) + b"x" * 1000)
        reply = read_all(line)
    assert b"413" in reply.partition(b"\r\n")[0]
    assert b"--max-body" in reply


def test_more_connections_than_places_are_told_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadow_mlx.serving.http.SPARE_CONNECTIONS", 1)
    with serve(concurrency=1, queue=1) as running:
        held = [connected(running) for _ in range(3)]
        try:
            with connected(running) as line:
                assert b"503" in read_all(line).partition(b"\r\n")[0]
        finally:
            for line in held:
                line.close()
        wait_for(lambda: _answers(running))


def _answers(running: Running) -> bool:
    try:
        return running.fetch("GET", "/health").status == 200
    except OSError:
        return False
