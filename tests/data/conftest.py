"""Files to read, and seconds to read them in."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[..., Path]:
    """``write_lines(objects, name="data.jsonl")`` writes JSON Lines and gives the path."""

    def write(objects: Sequence[Any], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(o) + "\n" for o in objects), encoding="utf-8")
        return path

    return write


@pytest.fixture
def timed() -> Callable[[float], AbstractContextManager[None]]:
    """``with timed(3):`` fails when the block takes more seconds of the processor."""

    @contextmanager
    def within(seconds: float) -> Iterator[None]:
        start = time.process_time()
        yield
        took = time.process_time() - start
        assert took < seconds, f"{took:.1f} s"

    return within
