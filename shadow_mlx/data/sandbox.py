"""Chat templates are programs of strangers: what they may compute, for how long, how much.

jinja2's sandbox keeps a template from Python and from the machine; it does not keep it from
building gigabytes or from running for ever. Here every operation whose result may be much larger
than what goes in (``*``, ``**``, ``+``, ``~``, formatting, padding, joining, nesting) is looked at
before it is made, and a watch ends what runs too long, in whichever thread it runs.
"""

from __future__ import annotations

import ctypes
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.compiler import CodeGenerator
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

LONGEST_SOURCE = 1 << 20
"""Characters of a template's own text."""

LARGEST = 1 << 20
"""Characters, items or digits' bits that one operation may make beyond what goes in, and the
largest width, repetition or indentation that a template may ask for."""

GROWTH = 50
"""How many times as long as its conversation a text may be."""

SECONDS = 5.0
SECONDS_A_MEGABYTE = 20.0
"""A hundred times what ordinary templates take on a slow machine."""


_LOOKING = frozenset(
    [
        "abs",
        "attr",
        "batch",
        "count",
        "d",
        "default",
        "dictsort",
        "first",
        "float",
        "groupby",
        "int",
        "items",
        "last",
        "length",
        "list",
        "map",
        "max",
        "min",
        "random",
        "reject",
        "rejectattr",
        "reverse",
        "round",
        "select",
        "selectattr",
        "slice",
        "sort",
        "sum",
        "unique",
    ]
)
"""Filters that make no text of their value."""


class TooMuchError(ValueError):
    """A template asks for more than it is given."""


class _TimeUp(BaseException):
    """Raised inside a template that runs too long; nothing in a template can catch it."""


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
        seconds: The longest time; by default by the size of the messages and tools.
        characters: The longest text; by default likewise.

    Raises:
        TooMuchError: It takes longer, or makes more.
        jinja2.TemplateError: It cannot be read, or refuses.
        ValueError, TypeError, …: What its own operations raise.
    """
    size = weight([variables.get("messages"), variables.get("tools")])
    longest = max(LARGEST, GROWTH * size) if characters is None else characters
    allowed = SECONDS + SECONDS_A_MEGABYTE * size / 1e6 if seconds is None else seconds
    template = compiled(source)
    try:
        with _watch.limited(allowed):
            written, pieces = 0, []
            for piece in template.generate(variables):
                written += len(piece)
                if written > longest:
                    raise TooMuchError(f"the chat template writes more than {longest:,} characters")
                pieces.append(piece)
            return "".join(pieces)
    except _TimeUp:
        raise TooMuchError(f"the chat template runs for more than {allowed:.0f} seconds") from None


@lru_cache(maxsize=16)
def compiled(source: str) -> jinja2.Template:
    """The template, ready to render.

    Raises:
        TooMuchError: Its text is too long.
        jinja2.TemplateError: Its text is no template.
    """
    if len(source) > LONGEST_SOURCE:
        raise TooMuchError(f"the chat template itself has {len(source):,} characters")
    try:
        return _environment().from_string(source)
    except (
        RecursionError,
        MemoryError,
        SyntaxError,
    ) as error:
        # Python's compiler, behind jinja2's
        raise TooMuchError(f"the chat template is nested too deeply ({error})") from None


def variables_of(source: str) -> set[str]:
    """The variables that a template takes from outside; none of one that cannot be read.

    To be asked of this environment only: jinja2 computes what is constant in a template when it
    reads it.
    """
    if len(source) > LONGEST_SOURCE:
        return set()
    environment = _environment()
    try:
        return meta.find_undeclared_variables(environment.parse(source))
    except (jinja2.TemplateError, RecursionError, MemoryError):
        return set()


def weight(value: Any, most: int = 1 << 28) -> int:
    """Characters of a value's texts and number of its items, however often one is repeated.

    Raises:
        TooMuchError: There are more than ``most``.
    """
    total, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str | bytes):
            total += len(one)
        elif isinstance(one, Mapping):
            total += len(one)
            waiting += one.keys()
            waiting += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            total += len(one)
            waiting += one
        elif isinstance(one, jinja2.utils.Namespace):
            waiting.append(one._Namespace__attrs)
        else:
            total += 1
        if total > most:
            raise TooMuchError(f"the chat template makes a value of more than {most:,} items")
    return total


class _Generation(Extension):
    """``{% generation %} … {% endgeneration %}``: marks what the assistant says; here, nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own declaration

    def parse(self, parser: Any) -> list[nodes.Node]:
        """The body alone, with a scope of its own as transformers gives it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return [nodes.Scope(body).set_lineno(line)]


class _Generator(CodeGenerator):
    """Compiles what jinja2 would compute without asking the environment."""

    def visit_Concat(self, node: nodes.Concat, frame: Any) -> None:  # noqa: N802 - jinja2's name
        """``a ~ b``."""
        self.write("environment.joined((")
        for one in node.nodes:
            self.visit(one, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Any) -> None:  # noqa: N802 - jinja2's name
        """``[a, b]``: lists of lists of themselves double with each step."""
        self._measured(super().visit_List, node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Any) -> None:  # noqa: N802 - jinja2's name
        """``(a, b)``, where it is a value and not a target."""
        if node.ctx == "load":
            self._measured(super().visit_Tuple, node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Any) -> None:  # noqa: N802 - jinja2's name
        """``{a: b}``."""
        self._measured(super().visit_Dict, node, frame)

    def _measured(self, visit: Callable[[Any, Any], None], node: Any, frame: Any) -> None:
        self.write("environment.measured(")
        visit(node, frame)
        self.write(")")


class _Environment(ImmutableSandboxedEnvironment):
    """transformers' environment for chat templates, with bounds."""

    code_generator_class = _Generator
    intercepted_binops = frozenset({"+", "*", "**", "%"})
    longest = 32 * LARGEST
    """Characters of any text in between; what is written is bounded by the conversation."""

    def measured(self, value: Any) -> Any:
        """A value, once it is known to be of a size that can be shown."""
        weight(value, self.longest)
        return value

    def joined(self, values: Iterable[Any]) -> str:
        """``~``, and the pieces of a block."""
        texts = [one if isinstance(one, str) else str(self.measured(one)) for one in values]
        self._check(sum(map(len, texts)))
        return "".join(texts)

    concat = joined

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """``+ * ** %``."""
        if operator == "+":
            self._check_length(left, _length(left) + _length(right))
        elif operator == "*":
            self._check_product(left, right)
            self._check_product(right, left)
        elif operator == "**":
            if isinstance(left, int) and isinstance(right, int):
                self._check_digits(abs(left).bit_length() * abs(right))
        elif isinstance(left, str):
            self._check_format(left, right)
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Any function or method of a value; the odd names are jinja2's own."""
        __self.check_call(__obj, args, kwargs)
        return super().call(__context, __obj, *args, **kwargs)

    def check_call(self, called: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Refuse what would make too much of little."""
        owner = getattr(called, "__self__", None)
        given = [*args, *kwargs.values()]
        if isinstance(owner, str):
            name = getattr(called, "__name__", "")
            if name == "join" and args:
                self._check_join(owner, args[0])
            elif name == "translate":
                self._check(len(owner) * weight(given, self.longest))
            elif name == "replace" and len(args) > 1:
                self._check_replace(owner, args[0], args[1])
        if not isinstance(called, jinja2.runtime.Macro):
            self.check_numbers(given)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """``str.format``, which jinja2 puts into a function of its own."""
        wrapped: Callable[..., str] | None = super().wrap_str_format(value)
        if wrapped is None:
            return None
        text = value.__self__

        def checked(*args: Any, **kwargs: Any) -> str:
            self._check_format(text, [*args, *kwargs.values()])
            return wrapped(*args, **kwargs)

        return checked

    def check_numbers(self, given: Iterable[Any]) -> None:
        """Widths, counts and indentations."""
        for one in given:
            if isinstance(one, int) and abs(one) > LARGEST:
                raise TooMuchError(f"the chat template asks for {one:,} of something")

    def shown(self, value: Any) -> Any:
        """A value that is about to become text."""
        return value if isinstance(value, str | int | float | None) else self.measured(value)

    def _check(self, size: int) -> None:
        if size > self.longest:
            raise TooMuchError(f"the chat template makes a text of {size:,} characters")

    def _check_product(self, value: Any, count: Any) -> None:
        if not isinstance(count, int):
            return
        if isinstance(value, int):
            self._check_digits(value.bit_length() + count.bit_length())
        else:
            self._check_length(value, _length(value) * max(count, 0))

    def _check_length(self, value: Any, length: int) -> None:
        if isinstance(value, list | tuple) and length > LARGEST:
            raise TooMuchError(f"the chat template makes a list of {length:,} items")
        self._check(length)

    def _check_digits(self, bits: int) -> None:
        if bits > LARGEST:
            raise TooMuchError(f"the chat template makes a number of {bits:,} bits")

    def _check_join(self, between: str, items: Any) -> None:
        if isinstance(items, str | list | tuple | range):
            self._check(len(between) * len(items) + weight(items, self.longest))
        elif len(between) > 1000:  # of what is made one by one, the number is not known
            raise TooMuchError("the chat template joins with an enormous text")

    def _check_replace(self, text: Any, old: Any, new: Any) -> None:
        if all(isinstance(one, str) for one in (text, old, new)):
            times = len(text) // len(old) if old else len(text) + 1
            self._check(len(text) + times * len(new))

    def _check_format(self, text: str, values: Any) -> None:
        widths = [int(digits[:20]) for digits in re.findall(r"\d+", text)]
        dynamic = "*" in text or "{" in text
        given = values if isinstance(values, list | tuple) else [values]
        if dynamic:
            widths += [abs(one) for one in given if isinstance(one, int)]
        if max(widths, default=0) > LARGEST:
            raise TooMuchError("the chat template formats with an enormous width")
        placeholders = max(text.count("%"), text.count("{"), 1)
        self._check(len(text) + placeholders * weight(values, self.longest))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | tuple) else 0


def _environment() -> _Environment:
    environment = _Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_Generation, "jinja2.ext.loopcontrols"],
    )
    environment.finalize = environment.shown
    environment.filters["tojson"] = _to_json
    environment.filters = {
        name: _checked(environment, name, made) for name, made in environment.filters.items()
    }
    environment.globals.update(
        raise_exception=_raise, strftime_now=_now, dict=dict, namespace=_Namespace
    )
    return environment


def _checked(environment: _Environment, name: str, made: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that looks at its arguments first."""

    def checked(*args: Any, **kwargs: Any) -> Any:
        given = [one for one in args if not _is_context(one)]
        environment.check_numbers([*given[1:], *kwargs.values()])
        if given and name not in _LOOKING:
            environment.shown(given[0])
        if name == "replace" and len(given) > 2:
            environment._check_replace(*given[:3])
        elif name == "join" and given:
            between = given[1] if len(given) > 1 else kwargs.get("d", "")
            environment._check_join(str(between), given[0])
        elif name == "sum" and isinstance(kwargs.get("start", 0), str | list | tuple):
            raise TooMuchError("the chat template sums up lists")
        elif name == "format" and given and isinstance(given[0], str):
            environment._check_format(given[0], [*given[1:], *kwargs.values()])
        elif name == "indent" and given and isinstance(given[0], str):
            width = next((one for one in given[1:2] if isinstance(one, int)), 4)
            environment._check(len(given[0]) + given[0].count("\n") * abs(width))
        return made(*args, **kwargs)

    for flag in ("jinja_pass_arg", "jinja_async_variant"):
        if hasattr(made, flag):
            setattr(checked, flag, getattr(made, flag))
    return checked


def _is_context(value: Any) -> bool:
    return isinstance(value, jinja2.Environment | jinja2.runtime.Context | nodes.EvalContext)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """JSON as it stands; jinja2's own filter escapes it for HTML."""
    if len(str(separators)) + len(str(indent)) > 100:
        raise TooMuchError("the chat template writes JSON with enormous separators")
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message: object) -> None:
    raise jinja2.TemplateError(str(message))


def _now(form: str) -> str:
    if len(form) > 100:
        raise TooMuchError("the chat template formats a date with an enormous text")
    return datetime.now().strftime(form)


class _Namespace(jinja2.utils.Namespace):
    """A namespace without names that begin with an underscore."""

    def __init__(*args: Any, **kwargs: Any) -> None:
        self, *rest = args
        for name in dict(*rest, **kwargs):
            _Namespace._check_name(name)
        jinja2.utils.Namespace.__init__(self, *rest, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:
        _Namespace._check_name(name)
        super().__setitem__(name, value)

    @staticmethod
    def _check_name(name: object) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(f"a namespace cannot have the name {name!r}")


class _Watch:
    """One thread that ends, in other threads, what runs too long. It sleeps while nothing runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[int, float] = {}  # of the thread: when its time is up
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Raise :class:`_TimeUp` in the block when it takes longer; blocks do not nest."""
        me = threading.get_ident()
        with self._lock:
            self._ends[me] = time.monotonic() + seconds
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="templates", daemon=True)
                self._thread.start()
        if not self._wake.is_set():
            self._wake.set()
        try:
            yield
        finally:
            with self._lock:
                self._ends.pop(me, None)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(me), None)

    def _run(self) -> None:
        idle = 0
        while True:
            with self._lock:
                now = time.monotonic()
                for thread, end in list(self._ends.items()):
                    if now > end:
                        del self._ends[thread]
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(
                            ctypes.c_ulong(thread), ctypes.py_object(_TimeUp)
                        )
                idle = 0 if self._ends else idle + 1
                if idle > 20:
                    self._wake.clear()
            self._wake.wait() if idle > 20 else time.sleep(0.05)


_watch = _Watch()
