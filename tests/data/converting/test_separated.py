"""CSV and TSV tables: delimiters, headers, quotes, and every way in which they are broken."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.config import ConvertConfig
from shadow_mlx.data.converting.rows import Row
from shadow_mlx.data.converting.separated import SeparatedTable, delimiter_of
from tests.data.converting.sources import converted, refusal, written

PAIRS = [
    {"prompt": "What is 2+2?", "completion": "four"},
    {"prompt": "a, b", "completion": 'say "c"'},
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_and_encoding_are_found(
    tmp_path: Path, delimiter: str, ends: str, encoding: str
) -> None:
    text = io.StringIO()
    table = csv.writer(text, delimiter=delimiter, lineterminator=ends)
    table.writerows([["prompt", "completion"], *([p["prompt"], p["completion"]] for p in PAIRS)])
    path = written(tmp_path / "table.csv", text.getvalue().encode(encoding))
    assert converted(path) == PAIRS


def test_a_tsv_is_separated_by_tabs_whatever_else_is_in_it(tmp_path: Path) -> None:
    path = written(tmp_path / "t.tsv", "text\tlabel\na,b;c\tx,y;z\n")
    assert converted(path) == [{"text": "a,b;c", "label": "x,y;z"}]


def test_a_table_of_one_column_may_have_commas(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", 'text\nhello, world\n"quoted, ""too"""\n')
    assert converted(path) == [{"text": "hello, world"}, {"text": 'quoted, "too"'}]


def test_prose_does_not_decide_the_delimiter() -> None:
    rows = ["prompt;completion\n", *['"a, b, c; d";"e, f"\n'] * 5, "one, two, three;four\n"]
    assert delimiter_of(rows) == ";"
    assert delimiter_of(["a|b\n", "1,2,3|4\n", "5|6,7\n"]) == "|"
    assert delimiter_of([]) == "\x1f"


def test_a_cell_may_have_lines_and_the_rows_after_it_keep_theirs(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", 'prompt,completion\n"a\n\nb",c\n\nd\n')
    assert refusal(path).splitlines() == [
        f"{path}:6: found a row of 1 cell; expected 2, as the first row has",
        "--skip-bad-rows leaves it out; 1 can be used",
    ]
    path = written(tmp_path / "u.csv", 'prompt,completion\n"a\n\nb",c\n,,\nd,e,\n')
    assert converted(path) == [
        {"prompt": "a\n\nb", "completion": "c"},
        {"prompt": "d", "completion": "e"},
    ]


def test_ragged_rows_are_told_together(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "prompt,completion\na,b\nc\nd,e,f\n" + "x\n" * 40)
    said = refusal(path)
    assert f"{path}:3: found a row of 1 cell; expected 2" in said
    assert f"{path}:4: found a row of 3 cells; expected 2" in said
    assert "… and 22 more" in said
    assert converted(path, skip_bad_rows=True) == [{"prompt": "a", "completion": "b"}]


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ('prompt,completion\na,b\n"c,d\ne,f\n', 3, "a quote that is opened here and never closed"),
        ('prompt,completion\na,b\n"c" d,e\n', 3, "a row that is no CSV"),
        ("prompt,completion\na,b\x00\n", 2, "zero bytes"),
        ("prompt,completion\n" + "x" * (17 << 20), 2, "a line of over 17 MB"),
        ('prompt,completion\n"' + "xxxxxxx\n" * (3 << 20), 2, "a cell of over 17 MB"),
    ],
)
def test_what_cannot_be_read_on_is_told_with_its_line(
    tmp_path: Path, content: str, line: int, found: str
) -> None:
    path = written(tmp_path / "t.csv", content)
    said = refusal(path)
    assert said.startswith(f"{path}:{line}: found {found}")
    assert "\n" not in said


def test_bytes_that_are_not_utf8_are_told_with_the_flag_that_helps(tmp_path: Path) -> None:
    text = "prompt,completion\n" + "a,b\n" * 5000 + "wo?,Käse\n"
    path = written(tmp_path / "t.csv", text.encode("latin-1"))
    said = refusal(path)
    assert f"{path}:5002: found the byte 0xe4 at position 6, which is not UTF-8" in said
    assert "--encoding cp1252" in said
    assert converted(path, encoding="latin-1")[-1] == {"prompt": "wo?", "completion": "Käse"}
    wide = written(tmp_path / "w.csv", text.encode("utf-16-le"))
    assert "--encoding utf-16-le" in refusal(wide)
    assert converted(wide, encoding="utf-16-le")[-1]["completion"] == "Käse"
    cut = written(tmp_path / "cut.csv", text.encode("utf-16")[:-1])
    assert "bytes that are not utf-16" in refusal(cut)


def test_headers_that_are_empty_or_stand_twice_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", ",a,a,a_2, b \n0,p,q,r,s\n")
    table = SeparatedTable(path, ConvertConfig())
    assert [one.values for one in table if isinstance(one, Row)] == [
        {"column1": "0", "a": "p", "a_3": "q", "a_2": "r", "b": "s"}
    ]
    assert table.notes == [
        "column 1 has no name: it is called 'column1' here",
        "column 3 is called 'a' as an earlier one: 'a_3' here",
    ]


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "what?,that\nwho?,she\n")
    said = refusal(path)
    assert "'what?', 'that'" in said
    assert "--no-header" in said
    mapping = {"prompt_feature": "column1", "completion_feature": "column2"}
    assert converted(path, header=False, **mapping) == [
        {"prompt": "what?", "completion": "that"},
        {"prompt": "who?", "completion": "she"},
    ]


def test_quotes_may_be_letters(tmp_path: Path) -> None:
    path = written(tmp_path / "t.tsv", 'text\n"open\n"a" b\n')
    assert "--no-quotes" in refusal(path)
    assert converted(path, quotes=False) == [{"text": '"open'}, {"text": '"a" b'}]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NAMES = st.lists(
    st.text("abcxyz _", min_size=1, max_size=6).filter(lambda n: n.strip() == n),
    min_size=1, max_size=4, unique=True,
)  # fmt: skip


@given(st.data())
def test_a_table_survives_the_trip(data: st.DataObject) -> None:
    """Whatever Python's writer writes comes back, cell by cell."""
    names = data.draw(NAMES)
    row = st.lists(CELL, min_size=len(names), max_size=len(names)).filter(
        lambda cells: any(cell.strip() for cell in cells)
    )
    rows = data.draw(st.lists(row, max_size=5))
    delimiter = data.draw(st.sampled_from([",", ";", "\t", "|"]))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerows([names, *rows])
    words = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / "t.csv", text.getvalue())
        table = SeparatedTable(path, ConvertConfig(delimiter=words[delimiter]))
        found = list(table)
    assert [one.values for one in found if isinstance(one, Row)] == [
        dict(zip(names, cells, strict=True)) for cells in rows
    ]
    assert len(found) == len(rows)
