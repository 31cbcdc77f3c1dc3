"""What the displays of progress have in common: where they write, and a bar."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from tqdm import tqdm


class BarDisplay:
    """Draws a bar on a terminal, and prints plain lines anywhere else; close it afterwards.

    Args:
        stream: Where to; stderr by default.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._on_terminal = self._stream.isatty()
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the bar as it is and go to a new line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
