"""Files to convert as tests write them, and what they become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.config import ConvertConfig
from shadow_mlx.data.converting.convert import convert
from shadow_mlx.errors import InputError


def written(path: Path, content: str | bytes) -> Path:
    """The file, with its bytes or with text in UTF-8."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(path: Path) -> list[Any]:
    """The objects of a file of lines."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def converted(path: Path, **options: Any) -> list[Any]:
    """What a file becomes."""
    return lines(convert(path, ConvertConfig(**options)).path)


def refusal(path: Path, **options: Any) -> str:
    """Why a file is refused; nothing is written."""
    before = sorted(path.parent.iterdir())
    with pytest.raises(InputError) as caught:
        convert(path, ConvertConfig(**options))
    assert sorted(path.parent.iterdir()) == before
    return str(caught.value)
