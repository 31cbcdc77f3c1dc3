from __future__ import annotations

import socket
from pathlib import Path

import pytest

from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.errors import ConfigError, InputError, SurroundingsError
from shadow_mlx.serving.running import key_of, serving
from tests.serving.conftest import Serve


def test_a_key_is_of_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    assert key_of(ServeConfig()) is None
    monkeypatch.setenv(API_KEY_VARIABLE, "of the environment")
    assert key_of(ServeConfig()) == "of the environment"
    file = tmp_path / "key"
    file.write_text("of a file\n")
    assert key_of(ServeConfig(api_key_file=str(file))) == "of a file"
    for wrong in ("", "short", "ümläute und mehr", "two\nlines here"):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match="expected a key of 8 or more"):
            key_of(ServeConfig(api_key_file=str(file)))
    with pytest.raises(InputError, match="No such file"):
        key_of(ServeConfig(api_key_file=str(tmp_path / "nothing")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "my-machine.local"])
def test_whom_others_can_reach_wants_a_key(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    with pytest.raises(ConfigError, match="other machines can reach that"):
        key_of(ServeConfig(host=host))
    monkeypatch.setenv(API_KEY_VARIABLE, "long enough")
    assert key_of(ServeConfig(host=host)) == "long enough"


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
