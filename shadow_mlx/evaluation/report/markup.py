"""HTML elements whose text is escaped because nothing else can be built.

A plain ``str`` among an element's children or attributes is text, from a model or a file: control
characters are made visible and markup characters escaped. Only :class:`Markup` goes in as it is.
"""

from __future__ import annotations

import html

from shadow_mlx.terminal import visible

VOID = {"br", "input", "meta"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Anything as harmless text."""
    return value if isinstance(value, Markup) else Markup(html.escape(visible(str(value))))


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """One element.

    Args:
        name: ``div``, ``svg`` and the like.
        children: Elements, and whatever else is to be shown as text.
        attributes: Underscores become hyphens, one at the end goes (``class_``); ``True`` gives an
            attribute without a value, ``None`` and ``False`` none.
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{''.join(map(text, children))}</{name}>")


def join(parts: list[Markup], separator: str = "\n") -> Markup:
    """Elements one after another."""
    return Markup(separator.join(parts))
