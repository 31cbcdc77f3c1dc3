from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.files.line_log import LineLog


def test_lines_are_there_at_once_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log"
    for line in ("one", "zwei ü"):
        log = LineLog(path)
        log.write(line)
        assert path.read_text(encoding="utf-8").splitlines()[-1] == line
        log.close()
    assert path.read_text(encoding="utf-8") == "one\nzwei ü\n"


@pytest.mark.parametrize("torn", [b"half a li", b"x" * 200_000])
def test_a_torn_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"whole\n" + torn)
    LineLog(path).close()
    assert path.read_bytes() == b"whole\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "log").symlink_to(tmp_path / "mine")
    with pytest.raises(InputError, match="a symbolic link"):
        LineLog(tmp_path / "log")


def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LineLog(tmp_path / "log")
    log.close()

    class Full:
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(log, "_file", Full())
    with pytest.raises(SurroundingsError, match="the disk is full"):
        log.write("line")
