"""Which answers are right, by each metric, and which metric the data chooses."""

from __future__ import annotations

import numpy as np
import pytest

from shadow_mlx.config import CompareConfig, MetricName
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.evaluation.metrics import Pair, exact_match, label_of, metric_for, number_in


def judged(name: MetricName, answer: str, expected: str, pattern: str | None = None) -> bool:
    metric = metric_for(name, [expected], pattern)
    return metric.right(Pair(answer, expected, exact_match(answer, expected)))


def test_exact_match_forgives_only_white_space_at_the_ends() -> None:
    assert exact_match(' {"a":1}\n', '{"a":1}')
    assert not exact_match('{"a": 1}', '{"a":1}')
    assert judged("exact", "yes \n", "yes")
    assert not judged("exact", "Yes", "yes")


def test_json_forgives_spacing_and_order() -> None:
    assert judged("json", '{"b": 2, "a": 1}', '{"a":1,"b":2}')
    assert not judged("json", '{"a": 1}', '{"a":1,"b":2}')
    assert not judged("json", 'Here it is: {"a":1}', '{"a":1}')


@pytest.mark.parametrize("answer", ["book flight", " Book Flight.", '"book flight"\n'])
def test_a_label_is_one_whatever_its_case(answer: str) -> None:
    assert judged("label", answer, "Book flight")
    assert not judged("label", answer + " please", "Book flight")


@pytest.mark.parametrize(
    ("text", "marked", "number"),
    [
        ("3 + 4 = 7\n#### 7", True, "7"),
        ("#### 1,234.50 dollars", True, "1234.5"),
        ("#### -3", True, "-3"),
        ("first #### 1 then #### 2", True, "2"),
        ("the answer is 7", True, None),
        ("#### seven", True, None),
        ("it is 7, or 8.", False, "8"),
        ("10-5", False, "5"),
        ("a .5 share", False, "0.5"),
        ("none", False, None),
    ],
)
def test_numbers_in_texts(text: str, marked: bool, number: str | None) -> None:
    found = number_in(text, marked)
    assert (found is None) == (number is None)
    assert found is None or found == type(found)(number or "")


def test_numbers_are_compared_by_value_and_where_the_data_has_them() -> None:
    assert judged("number", "So 6*7=42.\n#### 42.0", "#### 42")
    assert not judged("number", "It is 42.", "#### 42")
    assert judged("number", "It is 42.", "42")


def test_contains_looks_for_whole_words() -> None:
    assert judged("contains", "The capital is  new\nYork, of course", "New York")
    assert not judged("contains", "I know", "no")
    assert judged("contains", "a+b (c)", "a+b (c)")


def test_a_pattern_takes_its_group_from_both() -> None:
    pattern = r"answer is (\w)"
    assert judged("regex", "Hm. The answer is A? The answer is B.", "So the answer is B", pattern)
    assert judged("regex", "The answer is B.", "B", pattern)
    assert not judged("regex", "B", "B", pattern)
    assert judged("auto", "x 12 y", "12", r"[0-9]+")


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (['{"a":1}', "[1]"], "json"),
        (['{"a":1}', "text"], "exact"),
        (["1 + 1 #### 2", "#### 3"], "number"),
        (["yes", "no"] * 10, "label"),
        (["yes", "no"] * 9, "exact"),  # too few to tell
        (["yes"] * 20, "exact"),  # one label is none
        ([f"text {i}" for i in range(20)], "exact"),
        (["yes", "a whole sentence of more words than any label would have"] * 10, "exact"),
        ([], "exact"),
    ],
)
def test_the_data_chooses_the_metric(expected: list[str], name: str) -> None:
    assert metric_for("auto", expected).name == name


def test_a_few_questions_of_a_file_of_labels_are_labels() -> None:
    file = [f"label_{i % 40}" for i in range(100)]
    assert metric_for("auto", file[:30]).name == "exact"
    assert metric_for("auto", file[:30], whole=file).name == "label"


def test_a_metric_that_fits_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no expected answer is a JSON object"):
        metric_for("json", ["yes"])
    with pytest.raises(InputError, match="holds a number"):
        metric_for("number", ["yes"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "regex"}, "needs the expression as --pattern"),
        ({"metric": "json", "pattern": "a"}, "leave it or --metric json out"),
        ({"pattern": "("}, "--pattern: no regular expression"),
    ],
)
def test_a_pattern_and_its_metric_go_together(options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        CompareConfig.from_mapping(options)


def test_macro_f1_by_hand_is_not_blinded_by_a_large_label() -> None:
    """Nine of A, one of B, everything answered A: F1 is 18/19 and 0."""
    pairs = [Pair("A", "A", True)] * 9 + [Pair("a", "B", False)]
    metric = metric_for("label", [pair.expected for pair in pairs])
    right = [metric.right(pair) for pair in pairs]
    accuracy, macro = (
        float(score.ratio(score.counts(pairs, right).sum(axis=0))) for score in metric.scores
    )
    assert accuracy == 0.9
    assert macro == pytest.approx((18 / 19 + 0) / 2)


def test_scores_are_ratios_of_counts_for_any_number_of_samples() -> None:
    pairs = [Pair('{"a":1}', '{"a":1,"b":2}', False), Pair("[]", "[]", True)]
    for score in metric_for("json", [pair.expected for pair in pairs]).scores:
        counts = score.counts(pairs, [False, True])
        samples = np.stack([counts.sum(axis=0), 2 * counts[0], 2 * counts[1]])
        assert score.ratio(samples).shape == (3,)
    assert score.ratio(samples) == pytest.approx([2 * 2 / (2 + 3), 2 / 3, 1.0])


def test_labels_lose_what_stands_around_them() -> None:
    assert label_of(' "Book_Flight".\n') == "book_flight"
    assert label_of("...") == ""
