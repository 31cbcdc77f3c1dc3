"""Fields of JSON answers against hand-counted cases."""

import pytest

from shadow_mlx.evaluation.json_answers import (
    FieldCounts,
    count_fields,
    json_fields,
    same_json,
)


def test_fields_are_the_leaves_with_their_paths() -> None:
    assert json_fields('{"a":{"b":1,"c":[2,2]},"d":[]}') == {
        (".a.b", "1"): 1,
        (".a.c[]", "2"): 2,
        (".d", "[]"): 1,
    }


@pytest.mark.parametrize("text", ["no json", "3", '"text"', '{"cut": '])
def test_what_is_no_object_has_no_fields(text: str) -> None:
    assert json_fields(text) is None


def test_f1_is_micro_averaged_over_json_answers_only() -> None:
    counts = count_fields(
        [
            ('{"a":1,"b":2}', '{"a":1,"b":3}'),  # one right of two and two
            ("gibberish", '{"a":1}'),  # none of one
            ("anything", "plain text"),  # not counted
        ]
    )
    assert counts == FieldCounts(right=1, answered=2, expected=3)
    assert counts.f1 == pytest.approx(2 / 5)


def test_without_json_there_is_no_f1() -> None:
    assert count_fields([("a", "b")]).f1 is None


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("times", [101, 900, 3000, 100_000])
def test_an_endless_answer_is_no_json(opening: str, times: int) -> None:
    closing = "".join({"[": "]", "{": "}"}[c] for c in reversed(opening) if c in "[{")
    deep = opening * times + "1" + closing * times
    assert json_fields(deep) is None
    assert count_fields([(deep, '{"a": 1}')]) == FieldCounts(0, 0, 1)
    assert count_fields([("{}", deep)]) == FieldCounts()
    assert json_fields(opening * 20 + "1" + closing * 20) is not None


def test_the_same_json_whatever_its_spacing_and_the_order_of_keys() -> None:
    assert same_json('{"b": [1, 2.0], "a": null}', '{"a":null,"b":[1.0,2]}')
    for other in (
        '{"a": null, "b": [2, 1]}',  # the order of a list is part of it
        '{"a": null, "b": [true, 2]}',  # true is no number
        '{"a": null}',
        '{"a": null, "b": [1, 2], "c": 0}',
        "[1, 2]",
        "no json",
    ):
        assert not same_json(other, '{"a": null, "b": [1, 2]}')
    assert not same_json("1", "1")
