"""A stand-in for the part of the Hugging Face hub that takes uploads."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SMALL = 2000
"""Bytes of the largest file that is sent within a commit; others go to the large file storage."""


@dataclass
class Uploads:
    """What was asked for and what has arrived.

    Attributes:
        token: The access token that may write.
        created: What repositories were asked for.
        large: Files of the large file storage, by their SHA-256.
        committed: The files of each repository, by their name.
        messages: Of the commits.
        refuses: Status and message instead of every answer, if set.
    """

    token: str = "hf_mayWriteEverything"
    created: list[dict[str, Any]] = field(default_factory=list)
    large: dict[str, bytes] = field(default_factory=dict)
    committed: dict[str, dict[str, bytes]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    refuses: tuple[int, str] | None = None
    url: str = ""

    def answer(self, path: str, body: bytes) -> Any:
        """What the hub says to a POST."""
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            wanted = self.created[-1]
            name = f"{wanted.get('organization', 'somebody')}/{wanted['name']}"
            return {"url": f"{self.url}/{name}", "name": name, "id": name}
        if path == "/api/validate-yaml":  # the card's beginning
            assert json.loads(body)["content"].startswith("---\n")
            return {"errors": [], "warnings": []}
        if path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            uploads = [{"href": f"{self.url}/storage/{one['oid']}"} for one in objects]
            actions = [{"upload": upload} for upload in uploads]
            pairs = zip(objects, actions, strict=True)
            return {"transfer": "basic", "objects": [one | {"actions": a} for one, a in pairs]}
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            return {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "regular" if file["size"] <= SMALL else "lfs",
                        "shouldIgnore": False,
                        "oid": None,
                    }
                    for file in files
                ]
            }
        assert "/commit/" in path
        repository = "/".join(path.split("/")[3:5])
        files = self.committed.setdefault(repository, {})
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                self.messages.append(value["summary"])
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                files[value["path"]] = self.large[value["oid"]]
        commit = "0123456789abcdef0123456789abcdef01234567"
        address = f"{self.url}/{repository}/commit/{commit}"
        return {"success": True, "commitOid": commit, "commitUrl": address, "hookOutput": ""}


@contextmanager
def fake_uploads() -> Iterator[Uploads]:
    """Serve :class:`Uploads` on a free local port."""
    hub = Uploads()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if hub.refuses is not None:
                return self.say(*hub.refuses)
            if self.headers.get("Authorization") != f"Bearer {hub.token}":
                return self.say(401, "Invalid username or password.")
            return self.say(200, "", hub.answer(self.path.split("?")[0], body))

        def do_PUT(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            hub.large[self.path.rpartition("/")[2]] = self.rfile.read(size)
            self.say(200, "", {})

        def say(self, status: int, message: str, value: Any = None) -> None:
            content = json.dumps({"error": message} if value is None else value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if message:
                self.send_header("X-Error-Message", message)
            self.end_headers()
            self.wfile.write(content)

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
