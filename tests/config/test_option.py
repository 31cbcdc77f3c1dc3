"""Every option of every group refuses what it is not, in Python as in files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.config import (
    ColumnConfig,
    SamplingConfig,
    ShadowConfig,
    TemplateConfig,
    TrainConfig,
)
from shadow_mlx.config.option import Options, flag_name, option_info
from shadow_mlx.config.values import choices_of, hints_of, may_be_none, plain_type
from shadow_mlx.errors import ConfigError

GROUPS: tuple[type[Options], ...] = (
    ShadowConfig,
    ColumnConfig,
    TemplateConfig,
    TrainConfig,
    SamplingConfig,
)
OPTIONS = [(group, one) for group in GROUPS for one in dataclasses.fields(group)]
each_option = pytest.mark.parametrize(
    ("group", "one"), OPTIONS, ids=[f"{group.__name__}.{one.name}" for group, one in OPTIONS]
)
ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.just(10**5000),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


def fits(value: object, hint: Any) -> bool:
    """What a type takes, said a second time."""
    if value is None:
        return may_be_none(hint)
    if chosen := choices_of(hint):
        return value in chosen
    kind = plain_type(hint)
    if kind is float and type(value) is int:
        return abs(value) < 10**300
    return type(value) is kind and (kind is not float or math.isfinite(value))  # type: ignore[arg-type]


def built_or_refused(make: Callable[[], Options]) -> tuple[Options | None, str]:
    try:
        return make(), ""
    except ConfigError as error:
        return None, str(error)


@each_option
@settings(max_examples=15)
@given(value=ANYTHING)
def test_a_value_of_another_type_is_refused_and_the_flag_named(
    group: type[Options], one: dataclasses.Field[Any], value: object
) -> None:
    built, refusal = built_or_refused(lambda: group(**{one.name: value}))
    if not fits(value, hints_of(group)[one.name]):
        assert refusal.startswith(f"{flag_name(one)}: expected ")
    elif built is None:
        assert flag_name(one) in refusal
    else:
        assert getattr(built, one.name) == value
        assert group.from_mapping(built.to_mapping()) == built


@each_option
@settings(max_examples=15)
@given(value=ANYTHING)
def test_a_file_gets_a_value_of_the_type_or_a_short_refusal(
    group: type[Options], one: dataclasses.Field[Any], value: object
) -> None:
    built, refusal = built_or_refused(lambda: group.from_mapping({one.name: value}, where="f"))
    if built is None:
        assert all(line.startswith("f: ") for line in refusal.splitlines())
        assert 0 < len(refusal) < 1000
    else:
        assert fits(getattr(built, one.name), hints_of(group)[one.name])


@pytest.mark.parametrize(
    ("group", "one"),
    [(group, one) for group, one in OPTIONS if choices_of(hints_of(group)[one.name])],
)
def test_a_choice_that_there_is_not_is_answered_with_those_there_are(
    group: type[Options], one: dataclasses.Field[Any]
) -> None:
    choices = choices_of(hints_of(group)[one.name]) or ()
    beside = {"teacher": "adapters"} if one.name == "answers" else {}  # who writes them
    for choice in choices:
        group(**{one.name: choice}, **beside)
        for wrong in (choice.upper(), choice.title(), f" {choice}", f"{choice}_"):
            said = f"expected one of {', '.join(choices)}, found {wrong!r} (did you mean {choice}?)"
            with pytest.raises(ConfigError) as caught:
                group(**{one.name: wrong})
            assert str(caught.value) == f"{flag_name(one)}: {said}"
            with pytest.raises(ConfigError) as caught:
                group.from_mapping({one.name: wrong}, where="run.yaml")
            assert str(caught.value) == f"run.yaml: {one.name}: {said}"


@pytest.mark.parametrize(
    ("values", "choice"),
    [
        ({"optimizer": "AdamW"}, "adamw"),
        ({"schedule": "cosine_decay"}, "cosine"),
        ({"sharing": "Depth"}, "depth"),
    ],
)
def test_what_used_to_train_something_else(values: dict[str, Any], choice: str) -> None:
    for make in (TrainConfig.from_mapping, lambda values: TrainConfig(**values)):
        with pytest.raises(ConfigError, match=f"did you mean {choice}"):
            make(values)


def test_every_problem_is_told_at_once() -> None:
    wrong: dict[str, Any] = {
        "rank": True, "alpha": "strong", "sharing": 1, "epochs": math.inf, "batch_size": 0,
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**wrong)
    assert sorted(str(caught.value).splitlines()) == [
        "--alpha: expected a number, found 'strong'",
        "--batch-size: must be at least 1, found 0",
        "--epochs: expected a number, found inf",
        "--rank: expected a whole number, found True",
        "--sharing: expected one of update, depth, layer, found 1",
    ]
    with pytest.raises(ConfigError) as caught:
        TrainConfig.from_mapping({**wrong, "optimiser": "adamw"}, where="f")
    assert len(str(caught.value).splitlines()) == 6
    assert "f: unknown option 'optimiser' (did you mean 'optimizer'?)" in str(caught.value)


def test_a_mapping_of_nonsense_is_answered_briefly_and_soon() -> None:
    values = {f"option{i}": i for i in range(20_000)} | {"x" * 10**6: 1}
    with pytest.raises(ConfigError, match="and 19981 more problems") as caught:
        TrainConfig.from_mapping(values)
    assert len(str(caught.value)) < 3000


def test_one_option_under_two_spellings_is_given_twice() -> None:
    with pytest.raises(ConfigError, match="batch_size: given twice"):
        TrainConfig.from_mapping({"batch-size": 1, "batch_size": 2})


def test_whole_numbers_have_an_upper_bound_of_their_own() -> None:
    for group, one in OPTIONS:
        if plain_type(hints_of(group)[one.name]) is int and option_info(one).maximum is None:
            with pytest.raises(ConfigError, match="must be at most 2,147,483,647"):
                group(**{one.name: 2**31})
