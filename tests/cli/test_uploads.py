"""Uploads on stderr: a bar where there is a terminal, lines where there is none."""

from __future__ import annotations

import io

from shadow_mlx.cli.uploads import UploadDisplay
from shadow_mlx.hub.uploading import Sent

COURSE = [
    Sent(1, 2, 0, 3_000_000),
    Sent(1, 2, 1_500_000, 3_000_000),
    Sent(2, 2, 2_000_000, 3_000_000),
    Sent(2, 2, 3_000_000, 3_000_000),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO) -> str:
    with UploadDisplay(stream) as display:
        for sent in COURSE:
            display(sent)
    return stream.getvalue()


def test_a_line_for_each_file() -> None:
    assert shown(io.StringIO()).splitlines() == [
        "uploading file 1 of 2, 0.0 kB of 3.0 MB",
        "uploading file 2 of 2, 2.0 MB of 3.0 MB",
    ]


def test_one_bar_of_bytes_on_a_terminal() -> None:
    states = shown(Terminal()).split("\r")
    assert any("file 1 of 2:  50%" in state and "1.50M/3.00M" in state for state in states)
    assert "file 2 of 2: 100%" in states[-1]
    assert states[-1].endswith("\n")
