"""Tells a model card that this program wrote from a ``README.md`` that a person wrote or changed.

A card ends with a comment that holds the digest of the rest, so that one changed word makes it a
person's. Former versions wrote cards without it; those are known by their whole form.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

_SEAL = "<!-- Written by shadow-mlx, which renews it; once changed, it is left alone. {} -->\n"
_SEALED = re.compile("(?s)(.*)" + re.escape(_SEAL).replace(r"\{\}", "([0-9a-f]{16})"))
_LONGEST = 1 << 20

# The cards of the versions before the seal: every line of theirs, and no other.
_FORMER = re.compile(
    r"""---\nlibrary_name:\ peft\npipeline_tag:\ text-generation\n(base_model:\ \S+\n)?
    tags:\n-\ shadow-peft\n-\ shadow-mlx\n-\ mlx\n---\n\n
    \#\ A\ shadow\ for\ [^\n]*\n\n
    A\ ShadowPEFT\ adapter\ \([^\n]*\n\n
    It\ works\ in\ two\ ways:\ [^\n]*\ smaller\ model\.\n\n
    \#\#\ With\ shadow-mlx\n\n```shell\n(shadow-mlx\ [^\n]*\n)+```\n\n
    \#\#\ With\ (PEFT|shadow-peft\ 0\.1)\n
    (\n|(```|import\ |backbone\ =|model\ =|shadow\ =|PEFT\ |separate\ modules,|the\ folder\ or\ hub
    |of\ the\ explicit|This\ is\ the\ original|weights\ \(every\ block)[^\n]*\n)*
    (\#\#\ Training\n\n\|\ \|\ \|\n\|---\|---\|\n(\|\ [^\n]*\ \|\n)*)?\n?""",
    re.VERBOSE,
)


def sealed(card: str) -> str:
    """The card with the mark by which :func:`is_own_card` knows it."""
    body = card if card.endswith("\n") else card + "\n"
    body += "\n"
    return body + _SEAL.format(_digest(body))


def is_own_card(path: Path) -> bool:
    """Whether a ``README.md`` is a card as this program wrote it, to be replaced by a newer."""
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST:
            return False
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return False
    if parts := _SEALED.fullmatch(text):
        return _digest(parts[1]) == parts[2]
    return not text or _FORMER.fullmatch(text) is not None


def may_write_card(path: Path) -> bool:
    """Whether a card may be written there: nothing stands there, or a card of ours."""
    return not path.is_symlink() and (not path.exists() or is_own_card(path))


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]
