from __future__ import annotations

from shadow_mlx.evaluation.figures import (
    aligned,
    changes,
    columns,
    heading,
    incomplete,
    rows,
    sentences,
)
from tests.evaluation.made import made_comparison


def test_changes_stand_in_both_orders() -> None:
    figures = made_comparison({"a": [True, False, False], "b": [False, True, True]}).to_mapping()
    found = {pair: (one.fixed, one.regressed) for pair, one in changes(figures).items()}
    assert found == {("a", "b"): (2, 1), ("b", "a"): (1, 2)}
    assert changes(figures)["a", "b"].reversed() == changes(figures)["b", "a"]


def test_a_difference_that_chance_explains_is_called_none() -> None:
    wrong, right = [False] * 10, [True] * 10
    few = made_comparison({"a": wrong, "b": [*right[:5], *wrong[:5]]}).to_mapping()
    (between, _) = changes(few).values()  # five to none: p = 1/16
    assert (between.verdict, between.net) == ("open", 0)
    assert str(between).startswith("no difference shown (+50.0 points, ")
    assert str(between).endswith("; p = 0.062)")
    many = changes(made_comparison({"a": wrong, "b": right}).to_mapping())
    assert str(many["a", "b"]) == "better (+100.0 points; p = 0.002)"
    assert str(many["b", "a"]) == "worse (−100.0 points; p = 0.002)"
    assert (many["a", "b"].net, many["b", "a"].net) == (10, -10)


def test_among_many_pairs_a_chance_is_more_likely() -> None:
    flags = {"a": [False] * 6, "b": [True] * 6, "c": [True] * 6}
    figures = made_comparison(flags).to_mapping()  # six to none: p = 1/32, twice of three
    said = sentences(figures)
    assert said[0] == (
        "b against a: 6 FIXED, 0 REGRESSED, 0 right in both, 0 wrong in both: no difference shown "
        "(+100.0 points; p = 0.031, among all pairs p = 0.094)"
    )
    assert said[2].endswith("no difference shown (+0.0 points; p = 1.00)")


def test_scores_of_the_metric_stand_first_and_no_other_twice() -> None:
    figures = made_comparison({"base": [True, False]}).to_mapping()
    keys = [figure.key for figure in columns(figures)]
    assert keys[:2] == ["exact", "loss"]
    figures["metric"]["scores"] = [{"name": "accuracy", "title": "accuracy", "meaning": "m"}]
    figures["results"][0]["scores"] = {"accuracy": {"value": 0.25, "low": None, "high": None}}
    figures["results"][0]["field_f1"] = 0.5
    assert [figure.key for figure in columns(figures)][:4] == [
        "accuracy", "exact", "field_f1", "loss",
    ]  # fmt: skip
    assert rows(figures)[0][1:4] == ("25.0%", "50.0%", "50.0%")


def test_what_is_missing_is_said() -> None:
    whole = made_comparison({"a": [True], "b": [False]})
    assert incomplete(whole.to_mapping()) == ""
    cut = made_comparison({"a": [True, True], "b": [False, None]}, stopped=True).to_mapping()
    assert incomplete(cut).endswith("; b answered 1 of 2")
    assert heading(cut) == "2 questions of test.jsonl"
    assert heading(whole.to_mapping()) == "1 question of test.jsonl"


def test_figures_have_their_units() -> None:
    (row,) = rows(made_comparison({"base": [True, False]}).to_mapping())
    assert row == (
        "base", "50.0% (0–100)", "1.000", "100", "10 ms", "5 MB", "2.72", "1,000,000", "1,000",
        "900",
    )  # fmt: skip


def test_tables_are_aligned() -> None:
    assert aligned([("a", "1"), ("long", "234")]) == ["a       1", "long  234"]
