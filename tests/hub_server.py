"""A stand-in for the Hugging Face hub on this machine: enough of its API for snapshots."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the stand-in serves, and what it was asked for.

    Attributes:
        repos: Folder of each repository, keyed by ``models/owner/name`` or ``datasets/…``.
        gated: Keys whose files need a login.
        broken: Whether every answer is an internal error.
        asked: Paths of all requests, in order.
    """

    repos: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    url: str = ""


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    """Serve a :class:`FakeHub` on a free local port."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self, hub)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, hub: FakeHub) -> None:
    path = request.path.split("?")[0].strip("/")
    hub.asked.append(path)
    if hub.broken:
        return send(request, 500, b"{}")
    parts = path.split("/")
    if parts[0] == "api":  # api/models/owner/name[/revision/…|/tree/…]
        key = "/".join(parts[1:4])
        if key not in hub.repos:
            return send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if key in hub.gated:
            return send(request, 403, b"{}", {"X-Error-Code": "GatedRepo"})
        files = sorted(p for p in hub.repos[key].rglob("*") if p.is_file())
        if len(parts) > 4 and parts[4] == "tree":
            tree = [
                {
                    "type": "file",
                    "path": str(p.relative_to(hub.repos[key])),
                    "size": p.stat().st_size,
                    "oid": hashlib.sha1(p.read_bytes()).hexdigest(),
                }
                for p in files
            ]
            return send(request, 200, json.dumps(tree).encode())
        names = [{"rfilename": str(p.relative_to(hub.repos[key]))} for p in files]
        info = {"id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": names}
        return send(request, 200, json.dumps(info).encode())
    kind = "datasets" if parts[0] == "datasets" else "models"
    parts = parts[1:] if kind == "datasets" else parts  # owner/name/resolve/COMMIT/file
    file = hub.repos[f"{kind}/{parts[0]}/{parts[1]}"] / "/".join(parts[4:])
    content = file.read_bytes()
    etag = hashlib.sha1(content).hexdigest()
    send(request, 200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})


def send(
    request: BaseHTTPRequestHandler,
    code: int,
    content: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(code)
    for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content)
