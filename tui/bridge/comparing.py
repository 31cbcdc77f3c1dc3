"""Who takes part in a comparison, and where its report goes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx.files.writing import check_writable
from tui.bridge.paths import local

if TYPE_CHECKING:
    from shadow_mlx.evaluation.contenders import Contender


def contenders(adapters: Sequence[str]) -> list[Contender]:
    """Who takes part in a comparison of these adapters: base, attached, detached of each."""
    from shadow_mlx.evaluation.contenders import contenders as taking_part

    return taking_part(adapters)


def report_path(data: str) -> str:
    """A name for the report on a test file that is free in the working folder."""
    base = f"compare-{Path(data).stem}"
    names = (f"{base}{'' if number == 1 else f'-{number}'}.html" for number in itertools.count(1))
    return next(name for name in names if local(name) is None)


def save_report(path: Path, figures: Mapping[str, Any]) -> None:
    """Write a comparison as an HTML file.

    Raises:
        InputError: A folder has that name.
        SurroundingsError: The disk refuses.
    """
    from shadow_mlx.evaluation.report import write_report

    check_writable(path)
    write_report(path, figures)
