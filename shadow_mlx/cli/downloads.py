"""Shows downloads on stderr: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

from typing import IO

from shadow_mlx import words
from shadow_mlx.cli.bars import BarDisplay
from shadow_mlx.terminal import visible


class DownloadDisplay(BarDisplay):
    """A listener for :func:`shadow_mlx.hub.resolving.watching_downloads`; close it afterwards.

    Args:
        stream: Where to; a bar is drawn if it is a terminal.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._name: str | None = None  # what is downloaded now

    def close(self) -> None:
        """Leave the bar as it is and go to a new line."""
        self._name = None
        super().close()

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show how far the download of ``name`` is, in bytes."""
        if name != self._name:
            self.close()
            self._begin(name, done, total)
        if self._bar is not None:
            self._bar.n = done
            self._bar.refresh()
        if done >= total:
            if not self._on_terminal:
                print(f"downloaded {visible(name)}", file=self._stream, flush=True)
            self.close()

    def _begin(self, name: str, done: int, total: int) -> None:
        self._name = name
        if self._on_terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=visible(name),
                total=total,
                initial=done,
                unit="B",
                unit_scale=True,
                file=self._stream,
                dynamic_ncols=True,
            )
        else:
            here = f", {words.size(done)} of them here already" if done else ""
            said = f"downloading {visible(name)}: {words.size(total)}{here}"
            print(said, file=self._stream, flush=True)
