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
from urllib.parse import parse_qs, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What the stand-in serves, and what it was asked for.

    Attributes:
        repos: Folder of each repository, keyed by ``models/owner/name`` or ``datasets/…``.
        gated: Keys whose files need a login.
        broken: Whether every answer is an internal error.
        asked: Paths of all requests, in order.
        ranges: The ``Range`` of each request for a part of a file, in order.
        stalls_after: Bytes of a file after which nothing more comes, while it is set.
        dies_after: Bytes of a file after which the connection ends and every answer is an error.
        says: Answers in place of the hub's own: status, content, headers; by the path's beginning.
        damages: How often a file's content arrives changed.
        large: Whether files are named by their SHA-256, as those in git's large file storage.
    """

    repos: dict[str, Path] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    stalls_after: int | None = None
    dies_after: int | None = None
    says: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    damages: int = 0
    large: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
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

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that goes away in the middle is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(request: BaseHTTPRequestHandler, hub: FakeHub) -> None:
    path = request.path.split("?")[0].strip("/")
    hub.asked.append(path)
    for beginning, (code, content, headers) in hub.says.items():
        if path.startswith(beginning):
            return send(request, code, content, headers)
    if hub.broken:
        return send(request, 500, b"{}")
    parts = path.split("/")
    if path == "api/models":
        return send(request, 200, json.dumps(found(request, hub)).encode())
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
                    "oid": git_id(p.read_bytes()),
                    **({"lfs": lfs(p)} if hub.large else {}),
                }
                for p in files
            ]
            return send(request, 200, json.dumps(tree).encode())
        names = [
            {
                "rfilename": str(p.relative_to(hub.repos[key])),
                "size": p.stat().st_size,
                "blobId": git_id(p.read_bytes()),
                **({"lfs": lfs(p)} if hub.large else {}),
            }
            for p in files
        ]
        info = {"id": "/".join(parts[2:4]), "sha": COMMIT, "siblings": names}
        return send(request, 200, json.dumps(info).encode())
    kind = "datasets" if parts[0] == "datasets" else "models"
    parts = parts[1:] if kind == "datasets" else parts  # owner/name/resolve/COMMIT/file
    file = hub.repos[f"{kind}/{parts[0]}/{parts[1]}"] / "/".join(parts[4:])
    content = file.read_bytes()
    etag = hashlib.sha256(content).hexdigest() if hub.large else git_id(content)
    if hub.damages and request.command == "GET":
        hub.damages -= 1
        content = b"!" + content[1:]
    headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
    if wanted := request.headers.get("Range"):
        hub.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        if start >= len(content):
            return send(request, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return send(request, 206, content[start:], headers, hub)
    send(request, 200, content, headers, hub)


def found(request: BaseHTTPRequestHandler, hub: FakeHub) -> list[dict[str, object]]:
    """The models whose names have the words that are searched, with what is known of them."""
    query = parse_qs(urlsplit(request.path).query)
    words = query["search"][0].lower().split()
    offers = []
    for key, folder in hub.repos.items():
        name = key.removeprefix("models/")
        if key != name and all(word in name.lower() for word in words):
            offer: dict[str, object] = {"id": name, "gated": key in hub.gated}
            if "config" in query["expand"]:
                offer["config"] = json.loads((folder / "config.json").read_text())
            if "safetensors" in query["expand"]:
                size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
                offer["safetensors"] = {"parameters": {"BF16": size // 2}}
            offers.append(offer)
    return offers


def git_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lfs(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"sha256": digest, "oid": digest, "size": len(content), "pointerSize": 134}


def send(
    request: BaseHTTPRequestHandler,
    code: int,
    content: bytes,
    headers: dict[str, str] | None = None,
    hub: FakeHub | None = None,
) -> None:
    request.send_response(code)
    for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command == "HEAD":
        return
    if hub is not None and hub.stalls_after is not None and len(content) > hub.stalls_after:
        request.wfile.write(content[: hub.stalls_after])
        hub.stopping.wait()
        request.close_connection = True
    elif hub is not None and hub.dies_after is not None and len(content) > hub.dies_after:
        request.wfile.write(content[: hub.dies_after])
        hub.broken = request.close_connection = True
    else:
        request.wfile.write(content)
