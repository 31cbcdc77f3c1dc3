from __future__ import annotations

from shadow_mlx.evaluation.figures import aligned, changes, heading, incomplete, remarks, rows
from tests.evaluation.made import made_comparison


def test_changes_stand_in_both_orders() -> None:
    figures = made_comparison({"a": [True, False, False], "b": [False, True, True]}).to_mapping()
    assert changes(figures) == {("a", "b"): (2, 1), ("b", "a"): (1, 2)}


def test_what_is_missing_is_said() -> None:
    whole = made_comparison({"a": [True], "b": [False]})
    assert incomplete(whole.to_mapping()) == ""
    cut = made_comparison({"a": [True, True], "b": [False, None]}, stopped=True).to_mapping()
    assert incomplete(cut).endswith("; b answered 1 of 2")
    assert heading(cut) == "2 questions of test.jsonl"
    assert heading(whole.to_mapping()) == "1 question of test.jsonl"


def test_what_stands_beside_the_figures() -> None:
    figures = made_comparison({"base": [True]}).to_mapping()
    assert remarks(figures) == []
    figures["results"][0]["macro_f1"] = 0.25
    assert remarks(figures) == ["base: macro F1 25.0%, the mean over the labels"]


def test_figures_have_their_units() -> None:
    (row,) = rows(made_comparison({"base": [True, False]}).to_mapping())
    assert row == (
        "base", "50.0%", "–", "1.000", "100", "10 ms", "5 MB", "2.72", "1,000,000", "1,000", "900",
    )  # fmt: skip


def test_tables_are_aligned() -> None:
    assert aligned([("a", "1"), ("long", "234")]) == ["a       1", "long  234"]
