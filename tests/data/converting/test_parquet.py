"""Parquet tables: types, nested conversations, damage, and the missing reader."""

from __future__ import annotations

import datetime
import decimal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.config import ConvertConfig
from shadow_mlx.data.converting import parquet
from shadow_mlx.data.converting.convert import convert
from shadow_mlx.data.converting.rows import Row
from shadow_mlx.data.reading.lines import LineIndex
from shadow_mlx.data.reading.schema import parse
from tests.data.converting.sources import converted, refusal, written


def table(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, **options)
    return path


CHATS: list[dict[str, Any]] = [
    {"conversations": [{"from": "human", "value": f"q{i}"}, {"from": "gpt", "value": "a"}], "id": i}
    for i in range(600)
]


def test_nested_conversations_are_read_row_group_by_row_group(tmp_path: Path) -> None:
    path = table(tmp_path / "chats.parquet", CHATS, row_group_size=100)
    shares: list[float] = []
    made = convert(path, ConvertConfig(chat_feature="conversations"), shares.append)
    assert made.notes == ("column that is left out: 'id'",)
    assert shares == sorted(shares)
    assert len(shares) == 2
    lines = LineIndex(made.path)
    records = [parse(lines.read(i), i + 1) for i in range(len(lines))]
    lines.close()
    assert [r.messages[0]["content"] for r in records] == [f"q{i}" for i in range(600)]


def test_numbers_become_text_and_nulls_say_nothing(tmp_path: Path) -> None:
    rows = [
        {"question": "2+2?", "context": None, "answer": 4, "system": "Be short."},
        {"question": "3+3?", "context": "sums", "answer": 6, "system": None},
    ]
    path = table(tmp_path / "t.parquet", rows)
    mapping = {"prompt_feature": "question,context", "completion_feature": "answer"}
    assert converted(path, **mapping) == [
        {"prompt": "2+2?", "completion": "4", "system": "Be short."},
        {"prompt": "3+3?\n\nsums", "completion": "6"},
    ]


def test_rows_that_are_no_examples_are_told_by_number(tmp_path: Path) -> None:
    rows = [{"text": t} for t in ("a", None, " ")]
    path = table(tmp_path / "t.parquet", rows)
    assert refusal(path).splitlines() == [
        f"{path}: found in row 2: 'text' is null; expected text",
        f"{path}: found in row 3: 'text' is empty; expected text",
        "--skip-bad-rows leaves these 2 rows out; 1 can be used",
    ]
    path = table(tmp_path / "b.parquet", [{"text": b"\xff\xd8\xff"}])
    assert "in row 1: binary data (3 bytes)" in refusal(path)


def test_no_more_than_a_row_group_is_held(tmp_path: Path) -> None:
    rows = [{"text": f"{i} " + "x" * 4000} for i in range(3000)]
    path = table(
        tmp_path / "t.parquet", rows, row_group_size=100, compression="none", use_dictionary=False
    )
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in parquet.ParquetTable(path)]
    assert len(held) == 3000
    assert max(held) < path.stat().st_size / 4


def test_damage_is_one_message(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet", CHATS, compression="none")
    whole = path.read_bytes()
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "magic": b"PAR1",
        "text": b"prompt,completion\n",
        "hole": whole[:4] + b"\xff" * 2000 + whole[2004:],
    }.items():
        damaged = written(tmp_path / f"{name}.parquet", content)
        said = refusal(damaged, chat_feature="conversations")
        assert said.startswith(f"{damaged}: found a damaged file (")
        assert "\n" not in said


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    both = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(both, tmp_path / "t.parquet")
    made = parquet.ParquetTable(tmp_path / "t.parquet")
    assert [row.values for row in made if isinstance(row, Row)] == [{"text": "a", "text_2": "b"}]
    assert made.notes == ["column 2 is called 'text' as an earlier one: 'text_2' here"]


def test_without_pyarrow_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path / "t.parquet", [{"text": "a"}])
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    said = refusal(path)
    assert said.startswith(f"{path}: ")
    assert "pip install 'shadow-mlx[parquet]'" in said


def test_values_that_json_does_not_have() -> None:
    assert parquet.plain(datetime.datetime(2020, 1, 2, 3, 4)) == "2020-01-02T03:04:00"
    assert parquet.plain(datetime.time(3, 4)) == "03:04:00"
    assert parquet.plain(decimal.Decimal("1.20")) == "1.20"
    assert parquet.plain([float("nan"), 1.5, {"a": (b"x",)}]) == [None, 1.5, {"a": ["x"]}]
    with pytest.raises(TypeError, match="a value of the type 'object'"):
        parquet.plain(object())


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=9) | st.none()
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": CELLS,
            "n": st.integers(-(2**62), 2**62) | st.none(),
            "parts": st.lists(st.fixed_dictionaries({"role": CELLS, "content": CELLS}), max_size=3),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(ROWS, st.integers(1, 3))
def test_any_table_survives_the_trip(rows: list[dict[str, Any]], group: int) -> None:
    schema = pa.schema(
        {
            "text": pa.string(),
            "n": pa.int64(),
            "parts": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=group)
        found = [one.values for one in parquet.ParquetTable(path) if isinstance(one, Row)]
    assert found == rows
