"""HTTP over the service: addresses, keys, and replies whole or as server-sent events.

It is the standard library's server, a thread for each connection: what answers is one model, a few
dozen requests at once are all that it can serve, and their threads wait. A framework would bring a
second kind of concurrency and a dozen packages for the same.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from shadow_mlx.serving.access import AccessLog, Entry
from shadow_mlx.serving.problems import RequestError
from shadow_mlx.serving.replies import Replies, model_list
from shadow_mlx.serving.requests import Endpoint
from shadow_mlx.serving.service import Answers, Service
from shadow_mlx.serving.wire import Wire
from shadow_mlx.serving.writing import Ended, Written

SPARE_CONNECTIONS = 64
"""Connections beside those whose requests are answered or wait."""

POSTS: dict[str, Endpoint] = {"/v1/chat/completions": "chat", "/v1/completions": "completions"}
GETS = ("/health", "/metrics", "/v1/models")
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Server(ThreadingHTTPServer):
    """Listens, and hands each request to the service.

    Args:
        service: Answers.
        key: What a request must bring, if anything.
        log: Told of each request.

    Raises:
        OSError: The address cannot be taken.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, service: Service, key: str | None, log: AccessLog) -> None:
        config = service.config
        self.service, self.key, self.log = service, key, log
        self._places = threading.Semaphore(config.concurrency + config.queue + SPARE_CONNECTIONS)
        self._replies = 0
        self._written = threading.Condition()
        if ":" in config.host:
            self.address_family = socket.AF_INET6
        super().__init__((config.host, config.port), Handler)

    @property
    def url(self) -> str:
        """Where clients find the API."""
        host, port = map(str, self.server_address[:2])
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"

    @contextmanager
    def replying(self) -> Iterator[None]:
        """While a reply is made, :meth:`wait` waits."""
        with self._written:
            self._replies += 1
        try:
            yield
        finally:
            with self._written:
                self._replies -= 1
                self._written.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until all replies are written; whether they are."""
        with self._written:
            return self._written.wait_for(lambda: not self._replies, seconds)

    def server_bind(self) -> None:
        """As in the standard library, without asking the network for this machine's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, if there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.settimeout(1.0)
            request.sendall(_FULL)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The connection, to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away between two requests is nobody's matter."""


class Handler(Wire):
    """The addresses of the API."""

    server: Server

    def do_GET(self) -> None:  # noqa: N802 - the standard library asks for this name
        """``/health``, ``/metrics``, ``/v1/models``."""
        self._one(self._get)

    def do_POST(self) -> None:  # noqa: N802 - the standard library asks for this name
        """Completions of both kinds."""
        self._one(self._post)

    def note(self, entry: Entry) -> None:
        """Count a request, and write it into the log."""
        metrics = self.server.service.metrics
        known = entry.path in POSTS or entry.path in GETS
        path = entry.path if known else "other"
        metrics.count("requests_total", path=path, status=str(entry.status))
        if entry.gone:
            metrics.count("disconnects_total")
        if entry.model is not None:
            metrics.time("request_seconds", entry.seconds)
        self.server.log.note(entry)

    def failed(self, error: Exception) -> None:
        """Write a fault of ours into the log."""
        self.server.log.failed(error)

    def _one(self, method: Callable[[str], None]) -> None:
        def checked() -> None:
            self._check_host()
            self.entry.path = path = self._path()
            if path != "/health":
                self._check_key()
            method(path)

        with self.server.replying():
            self.answer(checked)

    def _path(self) -> str:
        """The address, with the ``/v1`` that some clients leave out."""
        path = "/" + self.path.partition("?")[0].strip("/")
        full = "/v1" + path
        return full if full in POSTS or full in GETS else path

    def _get(self, path: str) -> None:
        service = self.server.service
        if path == "/health":
            alive = service.scheduler.alive
            self.send_whole({"status": "ok" if alive else "ending"}, 200 if alive else 503)
        elif path == "/v1/models":
            self.send_whole(model_list(service.catalogue.names, service.created))
        elif path.startswith("/v1/models/"):
            name = unquote(path.removeprefix("/v1/models/"))
            served = service.catalogue.find(name)
            self.send_whole(model_list([served.name], service.created)["data"][0])
        elif path == "/metrics":
            text = service.metrics.text(service.scheduler.gauges)
            self.send_whole(text, kind="text/plain; version=0.0.4")
        else:
            raise _nowhere(path)

    def _post(self, path: str) -> None:
        if path not in POSTS:
            raise _nowhere(path)
        service = self.server.service
        body = self.json_body(service.config.max_body << 10)
        answers = service.answers(body, POSTS[path])
        self.entry.asked(answers)
        try:
            (self._stream if answers.asked.stream else self._whole)(answers)
        finally:
            answers.cancel()  # what has ended already does not mind

    def _whole(self, answers: Answers) -> None:
        told: list[list[Written]] = [[] for _ in answers.jobs]
        for number, event in answers.told(self.is_gone):
            told[number].append(event)
            self.entry.told(event)
        if not all(one and isinstance(one[-1], Ended) for one in told):
            raise ConnectionError("the client is gone")
        self.send_whole(Replies(answers.asked, len(told)).whole(told))

    def _stream(self, answers: Answers) -> None:
        replies, ends = Replies(answers.asked, len(answers.jobs)), dict[int, Ended]()
        try:
            for number, event in answers.told(self.is_gone):
                if isinstance(event, Ended):
                    ends[number] = event
                self.entry.told(event)
                for chunk in replies.chunks(number, event):
                    self.send_event(chunk)
        except RequestError as error:
            if not self.begun:
                raise
            self.entry.status, self.entry.problem = error.status, str(error)
            self.send_event(error.body)
            self.end_events()
            return
        if len(ends) < len(answers.jobs):
            raise ConnectionError("the client is gone")
        if answers.asked.usage:
            self.send_event(replies.counts([ends[number] for number in sorted(ends)]))
        self.send_event("[DONE]")
        self.end_events()

    def _check_host(self) -> None:
        """A web page that has its name point at this machine reaches no server of its own."""
        if not self.server.service.config.is_local:
            return
        name = self.headers.get("Host", "").lower()
        name = name.partition("]")[0][1:] if name.startswith("[") else name.partition(":")[0]
        with suppress(ValueError):
            if ipaddress.ip_address(name).is_loopback:
                return
        if name not in ("localhost", ""):
            raise RequestError(
                f"this server is for this machine alone, and not for {name[:100]!r}", 403
            )

    def _check_key(self) -> None:
        key = self.server.key
        if key is None:
            return
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        fits = hmac.compare_digest(given.strip().encode("utf-8", "replace"), key.encode())
        if kind.lower() != "bearer" or not fits:
            raise RequestError(
                "this server wants its key: Authorization: Bearer KEY",
                401,
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _nowhere(path: str) -> RequestError:
    if path in POSTS or path in GETS:
        other = "POST" if path in POSTS else "GET"
        return RequestError(f"{path}: expected {other}", 405, headers={"Allow": other})
    known = ", ".join([*GETS, *POSTS])
    return RequestError(f"nothing is at {path[:100]!r}; there are {known}", 404)
