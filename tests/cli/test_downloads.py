"""How a download looks on stderr."""

from __future__ import annotations

import io

from shadow_mlx.cli.downloads import DownloadDisplay

MB = 10**6


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    with DownloadDisplay(out) as display:
        for done in (0, 100 * MB, 350 * MB):
            display("owner/a", done, 350 * MB)
        for done in (20 * MB, 30 * MB):
            display("owner/b\x1b[2J", done, 30 * MB)
    assert out.getvalue().splitlines() == [
        "downloading owner/a: 350 MB",
        "downloaded owner/a",
        "downloading owner/b␛[2J: 30 MB, 20 MB of them here already",
        "downloaded owner/b␛[2J",
    ]


def test_a_bar_of_bytes_on_a_terminal() -> None:
    out = Terminal()
    with DownloadDisplay(out) as display:
        display("owner/a", 0, 350 * MB)
        display("owner/a", 175 * MB, 350 * MB)
        assert "50%" in out.getvalue()
        assert "175M/350M" in out.getvalue()
        display("owner/a", 350 * MB, 350 * MB)
    assert "350M/350M" in out.getvalue()
    assert "100%" in out.getvalue()
