"""What people read of sizes, durations and counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx import words


def test_sizes() -> None:
    assert [words.size(n) for n in (0, 5e6, 999e6, 2.5e9, 1.2345e12)] == [
        "0 MB",
        "5 MB",
        "999 MB",
        "2.50 GB",
        "1,234.50 GB",
    ]
    assert [words.size(n, 1) for n in (5e6, 2.55e9)] == ["5 MB", "2.5 GB"]
    assert [words.file_size(n) for n in (300, 12_500, 3.21e6)] == ["0.3 kB", "12.5 kB", "3.2 MB"]


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (0, "0 s", "0:00"),
        (75.4, "1 min 15 s", "1:15"),
        (200, "3 min 20 s", "3:20"),
        (3_661, "1 h 01 min", "1:01:01"),
        (math.nan, "–", "–"),
        (math.inf, "–", "–"),
        (-1, "–", "–"),
    ],
)
def test_durations(seconds: float, long: str, short: str) -> None:
    assert (words.duration(seconds), words.clock(seconds)) == (long, short)


def test_counts() -> None:
    counts = (12, 812, 1_300, 23_400, 999_999, 1_250_000, 8_100_000_000, 3e12)
    assert [words.number(n) for n in counts] == [
        *("12", "812", "1.3k", "23.4k", "1M", "1.25M", "8.1B", "3,000B")
    ]


@given(st.integers(0, 10**13))
def test_a_count_is_at_most_half_a_percent_off(count: int) -> None:
    said = words.number(count).replace(",", "")
    unit = {"k": 1e3, "M": 1e6, "B": 1e9}.get(said[-1], 1)
    assert math.isclose(float(said.rstrip("kMB")) * unit, count, rel_tol=0.005)


def test_drafts() -> None:
    assert words.drafts(3.456, 2.14) == "3.5 tokens a pass (2.1 × as fast)"
    assert words.drafts(1.0, None) == "1.0 tokens a pass"


def test_what_is_counted_is_one_or_many() -> None:
    found = [words.counted(n, "step") for n in (0, 1, 2_000)]
    assert found == ["0 steps", "1 step", "2,000 steps"]
    assert words.counted(1, "reply", "replies") == "1 reply"
    assert words.counted(3, "reply", "replies") == "3 replies"
