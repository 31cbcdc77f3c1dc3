"""The filters and tests of chat templates, each paid for out of the budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from jinja2.filters import make_attrgetter

from shadow_mlx.data.chat import prices
from shadow_mlx.data.chat.budget import CURRENT, PLAIN
from shadow_mlx.data.chat.watching import FILTERS, weighed

Work = Callable[..., Any]

COMPARING = frozenset(
    (
        *("==", "eq", "equalto", "!=", "ne", "in"),
        *("<", "lt", "lessthan", "<=", "le", ">", "gt", "greaterthan", ">=", "ge"),
    )
)
"""Tests that compare a value with all that is in it."""


def paid_filters(filters: Mapping[str, Work]) -> dict[str, Work]:
    """All of them, and those that :class:`~shadow_mlx.data.chat.watching.Watching` calls."""
    return {name: _filter(name, work) for name, work in filters.items()} | FILTERS


def paid_tests(tests: Mapping[str, Work]) -> dict[str, Work]:
    """All of them."""
    return {name: _test(work) if name in COMPARING else work for name, work in tests.items()}


def _filter(name: str, original: Work) -> Work:
    """What jinja2 passes to a filter first (its context, say) stays first."""
    first = 0 if getattr(original, "jinja_pass_arg", None) is None else 1
    work = _sum if name == "sum" else original
    has_price = prices.has_price(name)

    @wraps(original)
    def paid(*args: Any, **kwargs: Any) -> Any:
        budget = CURRENT.get()
        budget.look()
        for value in (*args[first:], *kwargs.values()) if kwargs else args[first:]:
            if type(value) not in PLAIN:
                budget.weigh(value)
        if has_price:
            given = list(args[first:])
            prices.filtered(budget, name, given, kwargs)
            args = (*args[:first], *given)
        return budget.made(work(*args, **kwargs))

    return paid


def _test(original: Work) -> Work:
    @wraps(original)
    def paid(*args: Any) -> Any:
        for value in args:
            weighed(value)
        return original(*args)

    return paid


def _sum(environment: Any, values: Iterable[Any], attribute: Any = None, start: Any = 0) -> Any:
    """``|sum`` one by one: lists are added, too, and each sum is a new list."""
    budget, total = CURRENT.get(), start
    if attribute is not None:
        values = map(make_attrgetter(environment, attribute), values)
    for value in budget.steps(values):
        total = budget.made(total + value)
    return total
