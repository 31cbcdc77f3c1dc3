"""A server in this process, over a tiny random backbone and two adapters on it."""

from __future__ import annotations

import http.client
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from shadow_mlx import loading
from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.config import Mode, SamplingConfig, ServeConfig, ShadowConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.generation.conversation import Conversation
from shadow_mlx.generation.decode import Answer
from shadow_mlx.generation.engine import Engine
from shadow_mlx.serving.access import AccessLog
from shadow_mlx.serving.http import Server
from shadow_mlx.serving.running import serving
from shadow_mlx.shadow.attached import attach
from tests.tiny import randomized


@pytest.fixture(scope="session")
def other_adapter(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of another shape on the tiny backbone, random as well."""
    backbone, config, _ = loading.load_backbone(tiny_backbone)
    model = attach(backbone, config, ShadowConfig(rank=2, shadow_layers=2, alpha=4.0), seed=9)
    randomized(model, seed=11)
    folder = tmp_path_factory.mktemp("other-adapter")
    save_adapter(
        folder, model, backbone=str(tiny_backbone), backbone_config=config, training={"steps": 3}
    )
    return folder


SECONDS = 60.0
"""Longest wait for anything; a loaded machine takes its time."""


def wait_for(condition: Callable[[], bool]) -> None:
    """Until something that another thread does is done."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@dataclass(frozen=True)
class Got:
    """A reply as it came."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Running:
    """A server that answers, and a client of it."""

    server: Server
    client: openai.OpenAI
    log: io.StringIO
    names: tuple[str, str]

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    def fetch(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Got:
        """A request as no client would write it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Got(reply.status, reply.headers, reply.read().decode())
        finally:
            connection.close()

    def post(self, value: Any, path: str = "/v1/chat/completions") -> Got:
        """JSON, or bytes that are none."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.fetch("POST", path, body, {"Content-Type": "application/json"})


Serve = Callable[..., AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def serve(tiny_adapter: Path, other_adapter: Path) -> Serve:
    """Begin a server with options of your own."""

    @contextmanager
    def begun(**options: Any) -> Iterator[Running]:
        adapters = (str(tiny_adapter), str(other_adapter))
        config = ServeConfig(**{"adapter_path": adapters, "port": 0, "timeout": 60.0, **options})
        log = io.StringIO()
        with (
            serving(config, AccessLog(config.log_contents, log)) as server,
            openai.OpenAI(base_url=server.url, api_key="not wanted", max_retries=0) as client,
        ):
            yield Running(server, client, log, (tiny_adapter.name, other_adapter.name))

    return begun


@pytest.fixture(scope="module")
def running(serve: Serve) -> Iterator[Running]:
    """One server for the tests of a file."""
    with serve() as one:
        yield one


@pytest.fixture(scope="session")
def alone(tiny_adapter: Path, other_adapter: Path) -> Callable[..., Answer]:
    """The answer to one question, computed by itself and from the beginning."""
    loaded = [loading.load(None, adapter) for adapter in (tiny_adapter, other_adapter)]

    def answer(text: str, which: int = 0, mode: Mode = "attached", **sampling: Any) -> Answer:
        model, tokenizer = loaded[which]
        engine = Engine(model, ChatFormat(tokenizer))
        return engine.answer(Conversation().asked(text), mode, SamplingConfig(**sampling))

    return answer
