"""What the displays of progress have in common."""

from __future__ import annotations

import io

import pytest

from shadow_mlx.cli.bars import BarDisplay
from shadow_mlx.cli.downloads import DownloadDisplay
from shadow_mlx.cli.run_display import ProgressDisplay
from shadow_mlx.cli.uploads import UploadDisplay


@pytest.mark.parametrize("display", [DownloadDisplay, ProgressDisplay, UploadDisplay])
def test_a_bar_is_closed_once_whatever_ends_the_work(display: type[BarDisplay]) -> None:
    closed = []

    class Bar:
        def close(self) -> None:
            closed.append(self)

    def broken_off() -> None:
        with display(io.StringIO()) as shown:
            shown._bar = Bar()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert len(closed) == 1
