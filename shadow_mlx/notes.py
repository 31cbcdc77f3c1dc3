"""What a person should know although nothing failed: a line on stderr.

It goes through :mod:`logging`, whose way without any configuration is the bare text on stderr; a
program that uses this package can send it elsewhere.
"""

from __future__ import annotations

import logging

from shadow_mlx.terminal import visible

_logger = logging.getLogger("shadow_mlx")
_MOST = 1000
_said: set[str] = set()


def note(text: str) -> None:
    """Say ``text``, once in a process however often it is found out."""
    if text not in _said and len(_said) < _MOST:
        _said.add(text)
        _logger.warning(visible(text))
