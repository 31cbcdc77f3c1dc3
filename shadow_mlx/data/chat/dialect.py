"""What chat templates find beside jinja2's own: the tags, filters and functions of transformers."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, LoopControlExtension
from jinja2.utils import generate_lorem_ipsum

from shadow_mlx.data.chat.budget import CURRENT, TooMuchError


def equip(environment: jinja2.Environment) -> None:
    """Give an environment the tags, filters and functions that chat templates expect."""
    environment.add_extension(LoopControlExtension)
    environment.add_extension(_Generation)
    environment.filters["tojson"] = _to_json
    environment.globals.update(
        raise_exception=_raise,
        strftime_now=_now,
        dict=dict,
        namespace=_Namespace,
        lipsum=_lipsum,
    )


class _Generation(Extension):
    """``{% generation %} … {% endgeneration %}``: marks what the assistant says; here, nothing."""

    tags = {"generation"}  # noqa: RUF012 - jinja2's own declaration

    def parse(self, parser: Any) -> list[nodes.Node]:
        """The body alone, with a scope of its own as transformers gives it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return [nodes.Scope(body).set_lineno(line)]


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """JSON as it stands; jinja2's own filter escapes it for HTML."""
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


def _lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> str:
    CURRENT.get().afford(10 * n * max)
    return str(generate_lorem_ipsum(n, html, min, max))
