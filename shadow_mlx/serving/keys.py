"""The key that requests must bring. Nothing of MLX is imported here: a form looks at it, too."""

from __future__ import annotations

import os
from pathlib import Path

from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.errors import ConfigError, InputError

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
