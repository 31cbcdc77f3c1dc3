"""What a colour means in the UI, and the names under which texts and style sheets ask for it.

- ``way-base``, ``way-attached``, ``way-detached``: who answers, wherever it is named or drawn
- ``way-other-1`` to ``way-other-3``: what is laid beside them: other runs, rivals
- ``good`` and ``bad``: right and wrong, fixed and regressed, done and failed, and nothing else

Pieces of a text use them as the names of styles, style sheets with a ``$`` in front. A theme may
have its own; nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from shadow_mlx.colours import OTHERS, colours

GOOD, BAD = "good", "bad"
MEANINGS = {True: GOOD, False: BAD, None: ""}
"""The style of what is right, wrong, or neither."""

OF_STATES = {"done": GOOD, "patience": GOOD, "failed": BAD, "interrupted": BAD}
"""The style of a run's state, where it is one that is good or bad."""

OF_TERMINALS = {
    "base": "foreground",
    "attached": "primary",
    "detached": "warning",
    "other-1": "accent",
    "other-2": "secondary",
    "other-3": "accent",
}
"""What stands for ours in a theme of the terminal's own sixteen colours, of which nobody knows."""

ROLES = ("success", "error", *dict.fromkeys(OF_TERMINALS.values()))
"""The colours of a theme that are looked at."""


def way(mode: str) -> str:
    """The style of a way of answering; one that is not ours has the first of the others'."""
    return f"way-{mode if mode in ('base', 'attached', 'detached') else OTHERS[0]}"


def variables(theme: Mapping[str, str | None], *, dark: bool, ansi: bool) -> dict[str, str]:
    """All of them as colours, for a theme.

    Args:
        theme: Its own colours by their names; it has at least a primary one.
        dark: Whether it is dark.
        ansi: Whether its colours are the terminal's own.
    """
    primary = str(theme["primary"])
    own = {
        GOOD: theme.get("success") or ("#6cc98a" if dark else "#1d6b3a"),
        BAD: theme.get("error") or ("#f07d86" if dark else "#a8323d"),
    }
    if ansi:
        ours = {name: theme.get(role) or primary for name, role in OF_TERMINALS.items()}
    else:
        ours = dict(colours(dark=dark))
    return own | {f"way-{name}": colour for name, colour in ours.items()}


def badge(words: str, style: str) -> Text:
    """Words on a ground of their colour."""
    text = Text(f" {words} ", "bold reverse")
    text.stylize(style)
    return text
