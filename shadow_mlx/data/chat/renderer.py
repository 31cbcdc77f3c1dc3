"""The process behind :mod:`~shadow_mlx.data.chat.sandbox`: renders what it is sent, until it ends.

It is started by its path and knows jinja2 alone, so that it is there at once. A request is the
template's source, a zero character, and JSON with the limits and the variables; an answer is a
word (``text``, or the name of an error), a zero character, and the text. Both are UTF-8.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.ext import Extension, LoopControlExtension
from jinja2.sandbox import ImmutableSandboxedEnvironment


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
    return datetime.now().strftime(form)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    """jinja2's sandbox with the tags, filters and functions that transformers gives templates."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[LoopControlExtension, _Generation]
    )
    made.filters["tojson"] = _to_json
    made.globals.update(raise_exception=_raise, strftime_now=_now)
    return made


@lru_cache(maxsize=16)
def _compiled(source: str) -> jinja2.Template:
    return _environment().from_string(source)


def _rendered(source: str, variables: Mapping[str, Any], characters: int) -> str:
    pieces, left = [], characters
    for piece in _compiled(source).generate(variables):
        left -= len(piece)
        if left < 0:
            raise ValueError(f"the chat template writes more than {characters:,} characters")
        pieces.append(piece)
    return "".join(pieces)


def answer(source: str, asked: Mapping[str, Any]) -> tuple[str, str]:
    """What becomes of one request: a word, and the text or the reason.

    The system ends this process where it computes for longer than it may, wherever it stands.
    """
    _limit_memory(asked["memory"])
    signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
    try:
        if asked["variables"] is None:
            tree = _environment().parse(source)
            return "text", "\n".join(meta.find_undeclared_variables(tree))
        return "text", _rendered(source, asked["variables"], asked["characters"])
    except (RecursionError, SyntaxError):  # of Python's compiler the latter, behind jinja2's
        return "ValueError", "the chat template is nested too deeply, or calls itself"
    except Exception as error:  # noqa: BLE001 - whatever a stranger's program raises
        return type(error).__name__, str(error) or type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        _limit_memory(resource.RLIM_INFINITY)


def _limit_memory(most: int) -> None:
    if sys.platform == "linux":  # macOS takes the limit and does not keep it
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def main() -> None:
    """Answer what comes on standard input, a socket, until nobody asks any more."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    line = Connection(0)
    with contextlib.suppress(EOFError, OSError):
        while True:
            request = line.recv_bytes().decode("utf-8", "surrogatepass")
            source, _, asked = request.rpartition("\0")
            said = "\0".join(answer(source, json.loads(asked)))
            line.send_bytes(said.encode("utf-8", "surrogatepass"))


if __name__ == "__main__":
    main()
