"""A server from its beginning to its end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shadow_mlx.config import ServeConfig
from shadow_mlx.errors import SurroundingsError
from shadow_mlx.serving.access import AccessLog
from shadow_mlx.serving.http import Server
from shadow_mlx.serving.keys import key_of
from shadow_mlx.serving.service import Service

WRITING_SECONDS = 5.0
"""How long replies may take to be written when all is computed."""


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
