"""One HTTP connection: bodies read within limits, replies written, errors in one form.

What is asked and answered is no matter of this module.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

from shadow_mlx.data.reading.strict_json import InvalidLineError, read_json
from shadow_mlx.serving.access import Entry
from shadow_mlx.serving.problems import RequestError, failure

IDLE_SECONDS = 60.0
"""How long a connection may say nothing, and take nothing of what it is sent."""

BODY_SECONDS = 30.0
"""How long the body of a request may take to arrive."""

DRAIN_SECONDS = 1.0
"""How long what is still sent is taken after a refusal: else the client may never read it."""


class Wire(BaseHTTPRequestHandler):
    """A connection of the standard library's server.

    Attributes:
        entry: What the log will say of the request that is answered.
    """

    protocol_version = "HTTP/1.1"
    server_version = "shadow-mlx"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # each token is a packet of its own
    entry: Entry
    _begun = _chunked = False

    def note(self, entry: Entry) -> None:
        """Told of each request when it is answered."""

    def failed(self, error: Exception) -> None:
        """Told of what nobody foresaw."""

    def answer(self, method: Callable[[], None]) -> None:
        """Answer one request, whatever becomes of it."""
        self.entry = Entry(self.command, self.path.partition("?")[0])
        self._begun = False
        self._unread = self._length() or 0
        if self._length() is None and ("Content-Length" in self.headers or self._is_chunked()):
            self.close_connection = True  # nobody knows where the next request begins
        try:
            try:
                method()
            except RequestError as error:
                self._refuse(error)
            except OSError:
                raise
            except Exception as error:  # noqa: BLE001 - of one request; the log has it
                self.failed(error)
                self._refuse(failure())
        except OSError:  # the client is gone, or takes nothing
            self.entry.gone = self.close_connection = True
        finally:
            if self._unread:
                self.close_connection = True
            self.note(self.entry)

    def json_body(self, most: int) -> Any:
        """The JSON of a request.

        Args:
            most: Bytes that it may have.

        Raises:
            RequestError: It is none, too large, or does not come.
        """
        if "Content-Type" not in self.headers or (
            self.headers.get_content_type() != "application/json"
        ):
            raise RequestError("expected Content-Type: application/json", 415)
        if self._is_chunked() or "Content-Length" not in self.headers:
            raise RequestError("expected Content-Length, and no Transfer-Encoding", 411)
        length = self._length()
        if length is None:
            raise RequestError("expected one Content-Length, in bytes")
        if length > most:
            raise RequestError(
                f"the request has {length:,} bytes, and this server takes {most:,} (--max-body)",
                413,
            )
        try:
            return read_json(self._read(length))
        except InvalidLineError as error:
            found, _ = error.findings[0]
            raise RequestError(f"expected a body of JSON, found {found}") from None

    def send_whole(
        self,
        value: Any,
        status: int = 200,
        headers: dict[str, str] | None = None,
        kind: str = "application/json",
    ) -> None:
        """Send a reply: a text as it stands, anything else as JSON."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        data = text.encode("utf-8", "backslashreplace")
        self.entry.status = status
        self._begun = True
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, given in (headers or {}).items():
            self.send_header(name, given)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_event(self, value: Any) -> None:
        """Send one of several events: a text as it stands, anything else as JSON."""
        if not self._begun:
            self._begin_events()
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        data = f"data: {text}\n\n".encode("utf-8", "backslashreplace")
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def end_events(self) -> None:
        """No event comes any more."""
        if self._chunked:
            self.wfile.write(b"0\r\n\r\n")

    @property
    def begun(self) -> bool:
        """Whether a part of the reply was sent."""
        return self._begun

    def is_gone(self) -> bool:
        """Whether the client has closed the connection."""
        try:
            readable, _, _ = select.select([self.connection], [], [], 0)
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _begin_events(self) -> None:
        self._begun, self.entry.status = True, 200
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Cache-Control", "no-cache")
        self._chunked = self.request_version != "HTTP/1.0"
        if self._chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()

    def _is_chunked(self) -> bool:
        return "Transfer-Encoding" in self.headers

    def _length(self) -> int | None:
        """Bytes of the body, where that is told once and in digits."""
        given = [text.strip() for text in self.headers.get_all("Content-Length") or []]
        told = len(given) == 1 and given[0].isascii() and given[0].isdecimal()
        return int(given[0]) if told and len(given[0]) < 16 else None

    def _read(self, size: int) -> bytes:
        """So many bytes, as long as they come."""
        data, end = bytearray(), time.monotonic() + BODY_SECONDS
        late = RequestError("the request's body did not come", 408)
        while len(data) < size:
            left = end - time.monotonic()
            if left <= 0:
                raise late
            self.connection.settimeout(left)
            try:
                piece = self.rfile.read1(min(size - len(data), 1 << 16))
            except TimeoutError:
                raise late from None
            if not piece:
                raise ConnectionError("the client is gone")
            data += piece
            self._unread -= len(piece)
        self.connection.settimeout(self.timeout)
        return bytes(data)

    def _refuse(self, error: RequestError) -> None:
        """Send an error. A connection with an unread body serves no other request."""
        if self._begun:
            self.close_connection = True
            return
        left = self._unread or self._is_chunked()
        self.close_connection = bool(left) or self.close_connection
        self.entry.problem = str(error)
        self.send_whole(error.body, error.status, error.headers)
        if left:
            self._drain()

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_SECONDS
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(DRAIN_SECONDS)
            while time.monotonic() < end and self.connection.recv(1 << 16):
                pass

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the standard library finds wrong, in the same form as all else."""
        status = 405 if code == 501 else int(code)
        self.entry = Entry(str(getattr(self, "command", None) or "-"), "-")
        self._begun, self._unread, self.close_connection = False, 0, True
        self.request_version = getattr(self, "request_version", "HTTP/1.1")
        error = RequestError(message or explain or "a request that is none", status)
        headers = {"Allow": "GET, POST"} if status == 405 else None
        with suppress(OSError):
            self.entry.problem = str(error)
            self.send_whole(error.body, status, headers)
        self.note(self.entry)

    def log_message(self, format: str, *args: Any) -> None:
        """The log of :mod:`~shadow_mlx.serving.access` says more."""
