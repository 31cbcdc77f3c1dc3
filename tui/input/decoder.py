"""Bytes from a terminal as events, whatever the bytes are.

Textual's own parser takes only what a well-behaved terminal sends. A paste in another encoding, a
file that is piped in or a bad line brings bytes that are no UTF-8, sequences that name no key, and
pastes that are never closed; none of them may end the program or swallow what is typed after them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from time import monotonic

from textual import events
from textual._xterm_parser import XTermParser
from textual.message import Message
from textual.messages import InBandWindowResize

from shadow_mlx.terminal import visible

PASTE_START, PASTE_END = "\x1b[200~", "\x1b[201~"
PASTE_SECONDS = 2.0
"""A paste ends by itself when nothing came for so long: its end was lost on the way."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MALFORMED = (ValueError, OverflowError)
"""What Textual's parser raises on sequences that look like a key or a click, but are none."""


class Decoder:
    """Takes bytes as they are read, gives events.

    Pastes are cut out before Textual's parser sees them: it would take an escape character inside
    of one for the beginning of a key, and its text for keys, Enter included.
    """

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._parser = XTermParser()
        self._recent = ""  # the end of what came: a mark may be torn in two
        self._pasted: list[str] | None = None
        self._last = 0.0

    def feed(self, data: bytes) -> Iterator[Message]:
        """The events that these bytes complete."""
        self._last = monotonic()
        text = self._decode(data)
        while text:
            if self._pasted is None:
                before, text = self._until(PASTE_START, text)
                yield from self._keys(before)
            else:
                before, text = self._until(PASTE_END, text)
                self._pasted.append(before)
            if self._found:
                yield from self._turn()

    def tick(self) -> Iterator[Message]:
        """The events that waiting completes: a lone Escape, a paste without an end."""
        if self._pasted is None:
            yield from self._guarded(self._parser.tick())
        elif monotonic() - self._last >= PASTE_SECONDS:
            yield from self._turn()

    def _until(self, mark: str, text: str) -> tuple[str, str]:
        """What comes before the next mark, and what after it; sets ``_found``."""
        seen = len(self._recent)
        at = (self._recent + text).find(mark)
        self._found = at >= 0
        if not self._found:
            self._recent = (self._recent + text)[1 - len(mark) :]
            return text, ""
        self._torn = max(0, seen - at)  # characters of the mark that were taken for something else
        self._recent = ""
        return text[: max(0, at - seen)], text[at - seen + len(mark) :]

    def _turn(self) -> Iterator[Message]:
        """A paste begins or ends."""
        if self._pasted is None:
            self._pasted = []
            if self._torn:
                self._parser = XTermParser()  # it waits for the rest of a key
            return
        text = "".join(self._pasted)
        self._pasted = None
        if self._found and self._torn:
            text = text[: -self._torn]
        if text:
            yield events.Paste(printable(text))

    def _keys(self, text: str) -> Iterator[Message]:
        # One at a time: what is malformed takes nothing with it.
        for character in text:
            yield from self._guarded(self._parser.feed(character))

    def _guarded(self, parsed: Iterable[Message]) -> Iterator[Message]:
        try:
            yield from filter(_sensible, parsed)
        except _MALFORMED:
            self._parser = XTermParser()


def printable(text: str) -> str:
    """Pasted text with line ends of one kind, and its control characters as pictures."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub(lambda found: visible(found.group()), lines)


def _sensible(message: Message) -> bool:
    """Whether an event can be true.

    Sizes come from the system, never from the stream, where anything could name one; and no key
    bears half a character or types several that cannot be seen.
    """
    if isinstance(message, events.Key):
        typed = message.character or ""
        return message.key.isprintable() and (len(typed) <= 1 or typed.isprintable())
    return not isinstance(message, events.Resize | InBandWindowResize)
