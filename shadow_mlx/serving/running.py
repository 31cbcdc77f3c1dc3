"""A server from its beginning to its end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.errors import ConfigError, InputError, SurroundingsError
from shadow_mlx.serving.access import AccessLog
from shadow_mlx.serving.http import Server
from shadow_mlx.serving.service import Service

WRITING_SECONDS = 5.0
"""How long replies may take to be written when all is computed."""

SHORTEST_KEY = 8


def key_of(config: ServeConfig) -> str | None:
    """The key that requests must bring: from a file, or the environment.

    Raises:
        InputError: It is none, cannot be read, or is missing where others can reach the server.
    """
    if config.api_key_file is not None:
        try:
            key: str | None = Path(config.api_key_file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise InputError(f"--api-key-file {config.api_key_file}: {reason}") from None
        where = f"--api-key-file {config.api_key_file}"
    else:
        key, where = os.environ.get(API_KEY_VARIABLE), API_KEY_VARIABLE
    if key is not None and (len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable()):
        raise InputError(f"{where}: expected a key of {SHORTEST_KEY} or more ASCII characters")
    if key is None and not config.is_local:
        raise ConfigError(
            f"--host {config.host}: other machines can reach that; give a key that they must "
            f"bring (--api-key-file FILE, or {API_KEY_VARIABLE}), or leave --host out"
        )
    return key


@contextmanager
def serving(config: ServeConfig, log: AccessLog | None = None) -> Iterator[Server]:
    """A server that answers while the block runs, and then ends in order.

    At the end of the block nothing more is taken, and what was taken is answered; with an
    exception, at once.

    Args:
        config: Its options.
        log: Where it notes requests.

    Raises:
        ShadowMLXError: The models cannot be loaded, or the address cannot be taken.
    """
    log = log or AccessLog(config.log_contents)
    key = key_of(config)
    service = Service(config, log.say)
    try:
        server = Server(service, key, log)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SurroundingsError(
            f"cannot listen on {config.host}, port {config.port}: {reason}; choose another --port "
            "or --host"
        ) from None
    listening = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    try:
        service.scheduler.start()
        listening.start()
        yield server
        service.scheduler.close()
        service.scheduler.join()
        server.wait(WRITING_SECONDS)
    finally:
        service.scheduler.close(hurry=True)
        if listening.is_alive():
            server.shutdown()
        server.server_close()
        if service.scheduler.begun:
            service.scheduler.join()
