from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shadow_mlx.serving.fields import Fields
from shadow_mlx.serving.problems import RequestError


def test_each_field_is_taken_once_and_none_may_be_left() -> None:
    fields = Fields({"a": 1, "b": None, "c": "x"})
    assert fields.whole("a", 7, 0, 9) == 1
    assert fields.whole("b", 7, 0, 9) == 7  # null: as if it were not there
    with pytest.raises(RequestError, match="unrecognized request argument: 'c'") as refused:
        fields.end()
    assert (refused.value.param, refused.value.code) == ("c", "unknown_argument")
    fields.end({"c"})


@pytest.mark.parametrize(
    ("take", "value"),
    [
        (lambda f: f.whole("x", None, 1, 5), 3),
        (lambda f: f.whole("x", None, 1, 5), 5.0),
        (lambda f: f.number("x", None, 0, 2), 2),
        (lambda f: f.number("x", None, 0, 2), 0.5),
        (lambda f: f.flag("x"), True),
        (lambda f: f.text("x"), ""),
    ],
)
def test_what_fits_is_taken(take: Callable[[Fields], Any], value: Any) -> None:
    assert take(Fields({"x": value})) == value
    take(Fields({}))  # the default of each is good


@pytest.mark.parametrize(
    ("take", "wrong"),
    [
        (lambda f: f.whole("x", None, 1, 5), [0, 6, 2.5, "3", True, [], {}]),
        (lambda f: f.number("x", None, 0, 2), [-0.1, 2.1, "1", False, []]),
        (lambda f: f.flag("x"), [0, 1, "true", []]),
        (lambda f: f.text("x"), [0, True, [], {}]),
    ],
)
def test_what_does_not_is_refused_by_name(take: Callable[[Fields], Any], wrong: list[Any]) -> None:
    for value in wrong:
        with pytest.raises(RequestError, match=r"^outer\.x: expected") as refused:
            take(Fields({"x": value}, "outer"))
        assert refused.value.param == "outer.x"


def test_what_is_known_and_not_served_says_why() -> None:
    Fields({"echo": False}).only("echo", (False,), "never")
    with pytest.raises(RequestError, match="echo: true is not supported: never"):
        Fields({"echo": True}).only("echo", (False,), "never")
    with pytest.raises(RequestError, match="the request's body: expected a JSON object"):
        Fields([])
