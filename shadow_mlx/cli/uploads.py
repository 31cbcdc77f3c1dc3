"""Shows an upload on stderr: a bar on a terminal, a plain line for each file anywhere else."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from shadow_mlx.cli.bars import BarDisplay

if TYPE_CHECKING:
    from shadow_mlx.hub.uploading import Sent


class UploadDisplay(BarDisplay):
    """A listener for :func:`shadow_mlx.hub.uploading.upload`; close it afterwards.

    Args:
        stream: Where to; a bar is drawn if it is a terminal.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._file = 0  # that is sent now

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
