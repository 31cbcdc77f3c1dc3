"""How a refusal leads on, what names are free, and what is a number of examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.config import ConvertConfig, ShuffleConfig
from shadow_mlx.data.converting.convert import convert
from shadow_mlx.data.converting.parts import shuffle
from shadow_mlx.errors import InputError
from tui.views.making import SHOWN, examples, free_name, way_on


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        convert(path, ConvertConfig(**options))
    return str(caught.value)


def test_real_refusals_lead_on(tmp_path: Path) -> None:
    """By what the functions say that refuse: a changed sentence would leave people alone."""
    path = tmp_path / "t.csv"
    path.write_text("prompt,completion\nx,y\n" + "a,\n" * 9)
    message = refused(path)
    way = way_on(message, {}, "free")
    assert way is not None
    assert (way.option, way.value, way.key) == ("skip_bad_rows", True, "l")
    assert "--" not in way.question
    assert len(way.question.splitlines()) == SHOWN + 1
    assert way_on(message, {"skip_bad_rows": True}, "free") is None

    path.write_bytes("text\nKäse\n".encode("cp1252"))
    way = way_on(refused(path), {}, "free")
    assert way is not None
    assert (way.option, way.value, way.key) == ("encoding", "cp1252", "w")
    assert way_on(refused(path), {"encoding": "utf-16"}, "free") is None

    path.write_text("text\nx\n")
    (tmp_path / "t.jsonl").write_text("mine")
    way = way_on(refused(path), {}, "free")
    assert way is not None
    assert (way.option, way.value, way.key) == ("output", "free", "")
    assert way.question == (
        f"{tmp_path}/t.jsonl: is there already, and not as this program wrote it. Write to:"
    )
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "a-shuffled.jsonl").write_text("mine")
    with pytest.raises(InputError) as caught:
        shuffle(tmp_path / "a.jsonl", ShuffleConfig())
    assert way_on(str(caught.value), {}, "free") is not None
    assert way_on("something else", {}, "free") is None


def test_a_free_name_is_free(tmp_path: Path) -> None:
    source = str(tmp_path / "t.csv")
    assert free_name(source, "convert") == str(tmp_path / "t-2.jsonl")
    assert free_name(source, "shuffle") == str(tmp_path / "t-shuffled-2.jsonl")
    (tmp_path / "t-split-2").mkdir()
    assert free_name(source, "split") == str(tmp_path / "t-split-3")


@pytest.mark.parametrize(
    ("typed", "number"),
    [("100", 100), (" 1,000 ", 1000), ("1.000", 1000), ("0", None), ("", None), ("²", None),
     ("-3", None), ("ten", None), ("9" * 40, None)],
)  # fmt: skip
def test_numbers_of_examples(typed: str, number: int | None) -> None:
    assert examples(typed) == number
