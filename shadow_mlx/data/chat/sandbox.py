"""Chat templates are programs of strangers: what they may compute, for how long, how much.

jinja2's sandbox keeps a template from Python and from the machine; it does not keep it from
building gigabytes or from running for ever. Here

- *time* is looked at in every step of a loop, and at every call, macro and filter;
- *size*: what can make much out of little (``*``, ``**``, ``%``, padding, joining, …) is refused
  by what it would make, before it makes it; all else by what it made;
- *nested values*, which are small in memory and without end as text, are weighed by their text.

All of it happens in the thread that renders, between two operations of the template: nothing is
raised from outside, and nothing is left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, update_wrapper
from types import BuiltinMethodType, MethodType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shadow_mlx.data.chat import prices
from shadow_mlx.data.chat.budget import CURRENT, PLAIN, Budget, TooMuchError, TooSlowError
from shadow_mlx.data.chat.dialect import equip
from shadow_mlx.data.chat.paid import paid_filters, paid_tests
from shadow_mlx.data.chat.watching import Watching, weighed

__all__ = ["TooMuchError", "TooSlowError", "render", "variables_of"]

LONGEST_SOURCE = 1 << 17
"""Characters of a template's own text; those in use have some 30,000 at most."""

_METHODS = frozenset((BuiltinMethodType, MethodType))

_HANDED_ON = ("caller", "_loop_vars", "_block_vars")
"""Arguments that jinja2 itself adds to a call."""


def render(
    source: str,
    variables: Mapping[str, Any],
    *,
    seconds: float | None = None,
    characters: int | None = None,
) -> str:
    """The text that a template makes of its variables.

    Args:
        source: The template.
        variables: ``messages``, ``tools`` and whatever else it reads.
        seconds: The longest time that this thread may compute; by default by the size of the
            variables.
        characters: The longest text, and the longest value on the way to it; by default likewise.

    Raises:
        TooMuchError: It takes longer, or makes more.
        jinja2.TemplateError: It cannot be read, or refuses.
        ValueError, TypeError, …: What its own operations raise.
    """
    template = _template(source)  # which takes long where it is long, but only once
    with _within(Budget(variables, seconds, characters)):
        return template.render(variables)


def variables_of(source: str) -> set[str]:
    """The variables that a template takes from outside; none of one that cannot be read."""
    try:
        environment = _template(source).environment
        with _within(Budget({})):
            return meta.find_undeclared_variables(environment.parse(source))
    except (jinja2.TemplateError, TooMuchError):
        return set()


def _template(source: str) -> jinja2.Template:
    with _within(Budget({})):  # jinja2 computes what is constant when it reads a template
        return _compiled(source)


@contextmanager
def _within(budget: Budget) -> Iterator[None]:
    token = CURRENT.set(budget)
    try:
        yield
    except RecursionError:
        raise TooMuchError("the chat template is nested too deeply, or calls itself") from None
    except MemoryError:
        raise TooMuchError("the chat template takes more memory than there is") from None
    finally:
        CURRENT.reset(token)


@lru_cache(maxsize=16)
def _compiled(source: str) -> jinja2.Template:
    """The template, ready to render."""
    if len(source) > LONGEST_SOURCE:
        raise TooMuchError(f"the chat template itself has {len(source):,} characters")
    try:
        return _environment().from_string(source)
    except SyntaxError as error:  # of Python's compiler, behind jinja2's
        raise TooMuchError(f"the chat template is nested too deeply ({error.msg})") from None


@lru_cache(maxsize=1)
def _environment() -> _Environment:
    # jinja2's optimizer takes time that grows with the cube of the nesting
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, optimized=False)
    equip(environment)
    environment.filters.update(paid_filters(environment.filters))
    tests: dict[str, Any] = environment.tests
    tests.update(paid_tests(tests))
    return environment


class _Template(jinja2.Template):
    """Compiled code that writes values by a function of ours."""

    @classmethod
    def from_code(
        cls, environment: Any, code: Any, globals: Any, uptodate: Any = None
    ) -> jinja2.Template:
        """jinja2's own, but ``str``, by which the compiled code writes a value, is ours."""
        namespace = {"environment": environment, "__file__": code.co_filename, "str": _written}
        exec(code, namespace)
        return cls._from_namespace(environment, namespace, globals)


def _written(value: Any) -> str:
    return value if type(value) is str else str(weighed(value))


class _Environment(ImmutableSandboxedEnvironment):
    """jinja2's sandbox, in which every operation is paid for out of the budget."""

    intercepted_binops = frozenset(("*", "**", "%"))
    template_class = _Template

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree: nodes.Template = Watching().visit(super()._parse(source, name, filename))
        tree.set_environment(self)
        return tree

    @staticmethod
    def concat(texts: Iterable[str]) -> str:
        """The pieces of a text, a block or a macro."""
        budget = CURRENT.get()
        return str(budget.made("".join([text for some in budget.pieces(texts) for text in some])))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """``* ** %``."""
        budget = CURRENT.get()
        if operator == "*":
            prices.times(budget, left, right)
        elif operator == "**":
            prices.power(left, right)
        else:
            prices.percent(budget, left, right)
        return budget.made(super().call_binop(context, operator, left, right))

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - jinja2's names
        """Any function, macro or method of a value.

        The names begin with underscores, as jinja2's own do: a template may give any other one.
        """
        budget = CURRENT.get()
        budget.look()
        for value in args:
            if type(value) not in PLAIN:
                budget.weigh(value)
        for name, value in kwargs.items():
            if type(value) not in PLAIN and name not in _HANDED_ON:
                budget.weigh(value)
        if type(__obj) in _METHODS:
            ready = list(args)
            prices.method(budget, __obj.__self__, __obj.__name__, ready, kwargs)
            args = tuple(ready)
        return budget.made(super().call(__context, __obj, *args, **kwargs))

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """``str.format``, which jinja2 puts into a function of its own."""
        if type(value) not in _METHODS or value.__name__ not in ("format", "format_map"):
            return None
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def checked(*args: Any, **kwargs: Any) -> str:
            mapped = value.__name__ == "format_map" and len(args) == 1
            given = ((), args[0]) if mapped else (args, kwargs)
            prices.Measuring(self, CURRENT.get()).vformat(str(value.__self__), *given)
            return wrapped(*args, **kwargs)

        return update_wrapper(checked, value)
