"""Shows an upload on stderr: a bar on a terminal, a plain line for each file anywhere else."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

    from shadow_mlx.hub.uploading import Sent


class UploadDisplay:
    """A listener for :func:`shadow_mlx.hub.uploading.upload`; close it afterwards.

    Args:
        stream: Where to; a bar is drawn if it is a terminal.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._on_terminal = self._stream.isatty()
        self._bar: tqdm[Any] | None = None
        self._file = 0  # that is sent now

    def __enter__(self) -> UploadDisplay:
        return self

    def __exit__(self, *ending: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the bar as it is and go to a new line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __call__(self, sent: Sent) -> None:
        """Show how far the upload is."""
        if self._on_terminal:
            self._draw(sent)
        elif sent.file != self._file:
            print(f"uploading {sent}", file=self._stream, flush=True)
        self._file = sent.file

    def _draw(self, sent: Sent) -> None:
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=sent.total, unit="B", unit_scale=True, file=self._stream, dynamic_ncols=True
            )
        self._bar.set_description_str(f"file {sent.file} of {sent.files}", refresh=False)
        self._bar.n = sent.bytes
        self._bar.refresh()
