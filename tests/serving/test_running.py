from __future__ import annotations

import socket
from pathlib import Path

import pytest

from shadow_mlx.config import ServeConfig
from shadow_mlx.errors import SurroundingsError
from shadow_mlx.serving.running import serving
from tests.serving.conftest import Serve


def test_an_address_that_is_taken_is_named(tiny_adapter: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = ServeConfig(adapter_path=(str(tiny_adapter),), port=port)
        with (
            pytest.raises(SurroundingsError, match=f"cannot listen on 127.0.0.1, port {port}"),
            serving(config),
        ):
            pass


def test_the_next_server_takes_the_address_at_once(serve: Serve) -> None:
    with serve() as running:
        port = running.port
        running.post({"model": running.names[0], "prompt": "x"}, "/v1/completions")
    with serve(port=port) as again:
        assert again.port == port
        assert again.fetch("GET", "/health").status == 200


def test_an_exception_ends_the_server(serve: Serve) -> None:
    with pytest.raises(KeyError), serve() as running:  # noqa: PT012 - the block is the subject
        port = running.port
        raise KeyError
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
