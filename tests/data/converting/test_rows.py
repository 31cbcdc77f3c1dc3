"""Names of columns, and places of rows."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.data.converting.rows import Row, column_names


def test_a_row_tells_its_line_or_its_number() -> None:
    place = Path("t")
    assert str(Row({}, 7, 9).problem(place, "a", "b")) == "t:9: found a; expected b"
    assert str(Row({}, 7000).problem(place, "a", "b")) == "t: found in row 7,000: a; expected b"


@given(
    st.lists(st.sampled_from(["", " ", "a", " a", "a_2", "column1", "column2_2", "b"]), max_size=8)
)
def test_each_column_has_a_name_of_its_own(header: list[str]) -> None:
    notes: list[str] = []
    names = column_names(header, notes)
    assert len(set(names)) == len(header)
    assert all(names)
    changed = [given for given, name in zip(header, names, strict=True) if given.strip() != name]
    assert len(notes) == len(changed)
    firsts = {given.strip() for given in header} - {""}
    assert firsts <= set(names)  # a name that is there stays with its first column
