from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shadow_mlx.cli
from shadow_mlx.cli.json_output import as_json, print_json
from shadow_mlx.terminal import UNSAFE

CLI = Path(shadow_mlx.cli.__file__).parent

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def without_infinities(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: without_infinities(item) for key, item in value.items()}
    return [without_infinities(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=200)
@given(PLAIN, st.booleans())
def test_it_is_strict_json_of_the_same_values(value: Any, ascii_only: bool) -> None:
    text = as_json(value, ascii_only=ascii_only)
    assert strict(text) == without_infinities(value)
    assert not UNSAFE.search(text)
    assert not ascii_only or text.isascii()


def test_what_drives_a_terminal_is_escaped_and_the_rest_is_readable() -> None:
    bad = "\x1b]0;x\x07\x7f\x9b\x85\u202e\u2066\u200e\u061c\u2028\u2029\ud800"
    text = as_json({"naïve 漢字 👩‍🚀" + bad: bad})
    assert "naïve 漢字 👩‍🚀" in text
    assert all(character.isprintable() or character in "\n\u200d" for character in text)
    assert strict(text) == {"naïve 漢字 👩‍🚀" + bad: bad}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_stdout_gets_json_too(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding, errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", out)
    print_json({"é": "👩 é"})
    out.flush()
    assert strict(raw.getvalue().decode(encoding)) == {"é": "👩 é"}


def test_every_command_prints_its_json_here() -> None:
    others = [path for path in CLI.rglob("*.py") if path.name != "json_output.py"]
    assert len(others) > 10
    assert [path.name for path in others if "json.dump" in path.read_text()] == []
    commands = ("compare", "data", "estimate", "generate", "info", "runs", "train")
    for name in commands:
        assert "print_json(" in (CLI / "commands" / f"{name}.py").read_text()


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert "…" in as_json({"training": deep})
    while isinstance(deep, list):  # taken apart by hand: freeing it would go as deep
        deep = deep.pop()
