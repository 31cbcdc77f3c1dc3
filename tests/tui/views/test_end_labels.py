from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.views.end_labels import spread


def test_what_does_not_meet_stays_and_what_meets_stands_below_each_other() -> None:
    assert spread([5, 1], 8) == [5, 1]
    assert spread([3, 3, 3], 8) == [3, 4, 5]
    assert spread([7, 7, 0], 8) == [6, 7, 0]
    assert spread([], 8) == []


@given(st.lists(st.integers(0, 9), max_size=10))
def test_each_has_a_row_of_its_own_in_the_same_order(rows: list[int]) -> None:
    found = spread(rows, 10)
    assert len(set(found)) == len(rows)
    assert all(0 <= row < 10 for row in found)
    for i, one in enumerate(rows):
        for j, other in enumerate(rows):
            if one < other:
                assert found[i] < found[j]
