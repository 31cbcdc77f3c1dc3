"""HTTP over the service: addresses, keys, limits, and replies whole or as server-sent events.

It is the standard library's server, a thread for each connection: what answers is one model, a few
dozen requests at once are all that it can serve, and their threads wait. A framework would bring a
second kind of concurrency and a dozen packages for the same.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from shadow_mlx.data.reading.strict_json import InvalidLineError, read_json
from shadow_mlx.serving.access import AccessLog, Entry
from shadow_mlx.serving.problems import RequestError, failure
from shadow_mlx.serving.replies import Replies, model_list
from shadow_mlx.serving.requests import Endpoint
from shadow_mlx.serving.service import Answers, Service
from shadow_mlx.serving.writing import Ended, Written

IDLE_SECONDS = 60.0
"""How long a connection may say nothing, and take nothing of what it is sent."""

BODY_SECONDS = 30.0
"""How long the body of a request may take to arrive."""

SPARE_CONNECTIONS = 64
"""Connections beside those whose requests are answered or wait."""

_POSTS: dict[str, Endpoint] = {"/chat/completions": "chat", "/completions": "completions"}
_LOCAL_NAMES = ("localhost", "")


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
        self.service, self.key, self.access = service, key, log
        self._places = threading.Semaphore(config.concurrency + config.queue + SPARE_CONNECTIONS)
        self._open: set[threading.Thread] = set()
        if ":" in config.host:
            self.address_family = socket.AF_INET6
        super().__init__((config.host, config.port), Handler)

    @property
    def url(self) -> str:
        """Where clients find the API."""
        host, port = self.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{shown}:{port}/v1"

    def server_bind(self) -> None:
        """As in the standard library, without asking the network for this machine's name."""
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, if there is a place."""
        if not self._places.acquire(blocking=False):
            with suppress(OSError):
                request.settimeout(1.0)
                request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The connection, to its end."""
        self._open.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(threading.current_thread())
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """What is no reply's matter: a client that is gone is none either."""

    def wait(self, seconds: float) -> None:
        """Wait until replies that are being written are written."""
        end = time.monotonic() + seconds
        while (busy := [t for t in self._open if getattr(t, "busy", False)]) and (
            left := end - time.monotonic()
        ) > 0:
            busy[0].join(min(left, 0.05))


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "shadow-mlx"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # each token is a packet of its own
    server: Server

    def do_GET(self) -> None:
        """``/health``, ``/metrics``, ``/v1/models``."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Completions of both kinds."""
        self._answer(self._post)

    def _answer(self, method: Callable[[], None]) -> None:
        """Answer one request, whatever becomes of it; say so in the log."""
        self._entry = Entry(self.command, self._path())
        self._unread = int(self.headers.get("Content-Length") or 0) if self._has_length() else 0
        self._headers_sent = False
        threading.current_thread().busy = True  # type: ignore[attr-defined]  # looked at by wait
        try:
            try:
                method()
            except RequestError as error:
                self._refuse(error)
            except (OSError, ValueError) as error:
                if not isinstance(error, OSError):
                    raise
                raise ConnectionError from error
            except Exception as error:  # noqa: BLE001 - of one request; the log has it
                self.server.access.failed(error)
                self._refuse(failure())
        except OSError:  # the client is gone, or takes nothing
            self._entry.gone = True
            self.close_connection = True
            self.server.service.metrics.count("disconnects_total")
        finally:
            threading.current_thread().busy = False  # type: ignore[attr-defined]  # as above
            self._noted()

    def _noted(self) -> None:
        entry, metrics = self._entry, self.server.service.metrics
        path = entry.path if entry.path in _PATHS else "other"
        metrics.count("requests_total", path=path, status=str(entry.status))
        if entry.model is not None:
            metrics.time("request_seconds", entry.seconds)
        self.server.access.note(entry)

    def _path(self) -> str:
        path = self.path.partition("?")[0].rstrip("/") or "/"
        return path if path.startswith("/v1") or "/v1" + path not in _PATHS else "/v1" + path

    def _get(self) -> None:
        service, path = self.server.service, self._path()
        self._check_host()
        if path == "/health":
            alive = service.scheduler.alive
            self._send_json({"status": "ok" if alive else "shutting down"}, 200 if alive else 503)
            return
        self._check_key()
        if path == "/v1/models":
            self._send_json(model_list(service.catalogue.names, service.created))
        elif path.startswith("/v1/models/"):
            served = service.catalogue.find(path.removeprefix("/v1/models/").replace("%3A", ":"))
            self._send_json(model_list([served.name], service.created)["data"][0])
        elif path == "/metrics":
            text = service.metrics.text(service.scheduler.gauges)
            self._send(text.encode(), "text/plain; version=0.0.4; charset=utf-8")
        else:
            raise self._nowhere("POST" if path in _PATHS else None)

    def _post(self) -> None:
        path = self._path()
        self._check_host()
        self._check_key()
        endpoint = _POSTS.get(path.removeprefix("/v1"))
        if endpoint is None:
            raise self._nowhere("GET" if path in _PATHS else None)
        answers = self.server.service.answers(self._body(), endpoint)
        self._entry.asked(answers)
        replies = Replies(answers.asked, len(answers.jobs))
        try:
            if answers.asked.stream:
                self._stream(answers, replies)
            else:
                self._whole(answers, replies)
        finally:
            answers.cancel()  # what has ended already does not mind

    def _whole(self, answers: Answers, replies: Replies) -> None:
        told: list[list[Written]] = [[] for _ in answers.jobs]
        for number, event in answers.told(self._is_gone):
            told[number].append(event)
            self._entry.told(event)
        if not all(one and isinstance(one[-1], Ended) for one in told):
            raise ConnectionError("the client is gone")
        self._send_json(replies.whole(told))

    def _stream(self, answers: Answers, replies: Replies) -> None:
        ends: dict[int, Ended] = {}
        try:
            for number, event in answers.told(self._is_gone):
                if isinstance(event, Ended):
                    ends[number] = event
                self._entry.told(event)
                for chunk in replies.chunks(number, event):
                    self._send_event(json.dumps(chunk, ensure_ascii=False))
        except RequestError as error:
            if not self._headers_sent:
                raise
            self._entry.status = error.status
            self._send_event(json.dumps(error.body, ensure_ascii=False))
            self._end_events()
            return
        if len(ends) < len(answers.jobs):
            raise ConnectionError("the client is gone")
        if answers.asked.usage:
            counts = replies.counts([ends[number] for number in sorted(ends)])
            self._send_event(json.dumps(counts, ensure_ascii=False))
        self._send_event("[DONE]")
        self._end_events()

    def _send_event(self, data: str) -> None:
        if not self._headers_sent:
            self._headers_sent = True
            self._entry.status = 200
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.send_header("Cache-Control", "no-cache")
            self._chunked = self.request_version != "HTTP/1.0"
            if self._chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.close_connection = True
            self.end_headers()
        self._write(f"data: {data}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def _end_events(self) -> None:
        if self._chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _is_gone(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _check_host(self) -> None:
        """A web page that has its name point at this machine reaches no server of its own."""
        if not self.server.service.config.is_local:
            return
        name = self.headers.get("Host", "").lower()
        name = name.partition("]")[0][1:] if name.startswith("[") else name.partition(":")[0]
        with suppress(ValueError):
            if ipaddress.ip_address(name).is_loopback:
                return
        if name not in _LOCAL_NAMES:
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

    def _has_length(self) -> bool:
        given = self.headers.get_all("Content-Length") or []
        return len(given) == 1 and given[0].strip().isascii() and given[0].strip().isdecimal()

    def _body(self) -> Any:
        """The JSON of a request."""
        kind = self.headers.get_content_type()
        if "Content-Type" not in self.headers or kind != "application/json":
            raise RequestError("expected Content-Type: application/json", 415)
        if "Transfer-Encoding" in self.headers:
            raise RequestError("expected Content-Length, and no Transfer-Encoding", 411)
        if not self._has_length():
            found = self.headers.get("Content-Length")
            status = 411 if found is None else 400
            raise RequestError("expected one Content-Length, in bytes", status)
        most = self.server.service.config.max_body << 10
        if self._unread > most:
            raise RequestError(
                f"the request has {self._unread:,} bytes, and this server takes {most:,} "
                "(--max-body)",
                413,
            )
        try:
            return read_json(self._read(self._unread))
        except InvalidLineError as error:
            found, _ = error.findings[0]
            raise RequestError(f"expected a body of JSON, found {found}") from None

    def _read(self, size: int) -> bytes:
        """So many bytes, as long as they come."""
        data, end = bytearray(), time.monotonic() + BODY_SECONDS
        while len(data) < size:
            left = end - time.monotonic()
            if left <= 0:
                raise RequestError("the request's body did not come", 408)
            self.connection.settimeout(left)
            try:
                piece = self.rfile.read1(min(size - len(data), 1 << 16))
            except TimeoutError:
                raise RequestError("the request's body did not come", 408) from None
            if not piece:
                raise ConnectionError("the client is gone")
            data += piece
            self._unread -= len(piece)
        self.connection.settimeout(self.timeout)
        return bytes(data)

    def _nowhere(self, other: str | None) -> RequestError:
        if other is not None:
            return RequestError(f"{self._path()}: expected {other}", 405, headers={"Allow": other})
        known = ", ".join(_PATHS)
        return RequestError(f"nothing is at {self._path()[:100]!r}; there are {known}", 404)

    def _send_json(
        self, value: Any, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
        self._send(data, "application/json; charset=utf-8", status, headers)

    def _send(
        self, data: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        self._entry.status = status
        self._headers_sent = True
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _refuse(self, error: RequestError) -> None:
        """Send an error. A connection with an unread body serves no other request."""
        if self._headers_sent:
            self.close_connection = True
            return
        unread = self._unread or "Transfer-Encoding" in self.headers
        if unread:
            self.close_connection = True
        self._entry.problem = str(error)
        self._send_json(error.body, error.status, error.headers)
        if unread:
            self._drain()

    def _drain(self) -> None:
        """Take what is still sent for a moment: else the client may never read the reply."""
        self.wfile.flush()
        end = time.monotonic() + 1.0
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            while time.monotonic() < end and self.connection.recv(1 << 16):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library finds wrong, in the same form as all else."""
        status = 405 if code == 501 else int(code)
        self._entry = Entry(str(getattr(self, "command", None) or "-"), "-")
        self._headers_sent, self._unread = False, 0
        self.close_connection = True
        if not hasattr(self, "headers"):
            self.request_version = "HTTP/1.1"
        error = RequestError(message or explain or "a request that is none", status)
        with suppress(OSError):
            self._entry.problem = str(error)
            headers = {"Allow": "GET, POST"} if status == 405 else None
            self._send_json(error.body, status, headers)
        self._noted()

    def log_message(self, format: str, *args: Any) -> None:
        """The log of :mod:`~shadow_mlx.serving.access` says more."""


_PATHS = ("/health", "/metrics", "/v1/models", *("/v1" + path for path in _POSTS))
