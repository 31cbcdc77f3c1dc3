"""How long a chat template may run and how much it may make: checked while it renders."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from types import GeneratorType
from typing import Any

from jinja2.utils import Namespace

SECONDS = 1.0
"""Seconds that this thread may compute: some ten thousand times what is usual."""

CHARACTERS = 2_000_000
"""Characters that a template may write."""

SECONDS_EACH = 1 / 100_000
"""Seconds that a template may run longer for every character that it is given."""

CHARACTERS_EACH = 50
"""Characters that a template may write more for every character that it is given."""

ENTRY = 16
"""Characters that an entry of a list counts for."""

MOST_BITS = 100_000
"""Bits of the largest whole number."""

MOST_MEMORY = 1 << 29
"""Bytes that the process may grow by while a template makes one text after the other."""

LOOK_EVERY = 1 << 26
"""Characters made between two looks at the process's memory."""

PIECES = 64
"""Pieces of a text that are counted together."""

PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types that hold nothing else."""

TEXTS = (str, bytes, bytearray)
_SEQUENCES: tuple[type[Any], ...] = (
    *(list, tuple, set, frozenset),
    *(type({}.keys()), type({}.values()), type({}.items())),
)
_HOLDING: tuple[type[Any], ...] = (dict, *_SEQUENCES)


class TooMuchError(ValueError):
    """A template takes more than it may; the message says what."""


class TooSlowError(TooMuchError):
    """A template takes more time than it may."""


class Budget:
    """What one rendering may take, and what it took so far.

    Seconds are those that this thread computed, so that a busy machine refuses nothing. What the
    template is given is measured only when it comes to that: most renderings are short.

    Args:
        given: What the template is given. A longer conversation may take more.
        seconds: Longest time; by default by the length of what is given.
        characters: Most characters of one value and of the whole text; by default likewise.

    Attributes:
        deadline: On the monotonic clock; behind it, :meth:`look` must be called.
    """

    def __init__(
        self,
        given: Mapping[str, Any],
        seconds: float | None = None,
        characters: int | None = None,
    ) -> None:
        self._asked = seconds, characters
        self.seconds = SECONDS if seconds is None else seconds
        self.characters = CHARACTERS if characters is None else characters
        self._unmeasured: Mapping[str, Any] | None = given
        self._given: dict[int, int] = {}
        self._made = 0
        self._next_look = LOOK_EVERY
        self._peak = 0
        self._began = time.thread_time()
        self.deadline = time.monotonic() + self.seconds

    def look(self) -> None:
        """Refuse when the time is over. The clock on the wall is the cheaper one to look at."""
        if time.monotonic() > self.deadline:
            self._measure()
            left = self.seconds - (time.thread_time() - self._began)
            if left <= 0:
                raise TooSlowError(
                    f"the chat template runs for more than {self.seconds:.3g} seconds"
                )
            self.deadline = time.monotonic() + left

    def afford(self, size: float) -> None:
        """Refuse what would be longer than ``size`` characters, before it is made."""
        if size > self.characters:
            self._measure()
        if size > self.characters:
            raise TooMuchError(f"the chat template writes more than {self.characters:,} characters")

    def weigh(self, value: Any) -> int:
        """About as many characters as the value has as text, so many as may be written.

        Lists that hold a list twice, which holds another twice, … are small in memory and
        without end as text, or when they are compared.
        """
        if isinstance(value, _HOLDING):
            self.look()  # to weigh a long list again and again takes its time, too
            self._measure()
        size = self._size(value, {})
        self.afford(size)
        return size

    def made(self, value: Any) -> Any:
        """Count a value that the template made; a generator is watched while it runs."""
        kind = type(value)
        if kind is str:
            size = len(value)
        elif kind is bool or value is None:
            return value
        elif isinstance(value, _HOLDING):
            size = ENTRY * len(value)
        elif isinstance(value, TEXTS):
            size = len(value)
        elif isinstance(value, int):
            if value.bit_length() > MOST_BITS:
                raise number_too_large()
            return value
        else:
            return self.steps(value) if kind is GeneratorType else value
        if size > self.characters:
            self.afford(size)
        self._made += size
        if self._made > self._next_look:
            self._look_at_memory()
        return value

    def steps(self, items: Iterable[Any]) -> Iterator[Any]:
        """The items, the time looked at before each."""
        now = time.monotonic
        for item in items:
            if now() > self.deadline:
                self.look()
            yield item

    def pieces(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Pieces of one text, a few at a time, counted before the text is put together."""
        rest, total = iter(texts), 0
        while some := list(islice(rest, PIECES)):
            total += sum(map(len, some))
            self.afford(total)
            yield some

    def _look_at_memory(self) -> None:
        self._next_look = self._made + LOOK_EVERY
        peak = peak_memory()
        self._peak = self._peak or peak
        if peak - self._peak > MOST_MEMORY:
            raise TooMuchError(f"the chat template takes more than {MOST_MEMORY >> 20:,} MB")

    def _measure(self) -> None:
        """Add the conversation's share."""
        given, self._unmeasured = self._unmeasured, None
        if given is None:
            return
        most, self.characters = self.characters, sys.maxsize
        size = sum(self._size(value, self._given) for value in given.values())
        seconds, characters = self._asked
        self.seconds += size * SECONDS_EACH if seconds is None else 0
        self.characters = most + (size * CHARACTERS_EACH if characters is None else 0)

    def _size(self, value: Any, seen: dict[int, int]) -> int:
        kind = type(value)
        if kind is str:
            return len(value)
        if kind in PLAIN:
            return 8
        if isinstance(value, TEXTS):
            return 4 * len(value)
        if isinstance(value, dict):
            parts: Iterable[Any] = (*value.keys(), *value.values())
        elif isinstance(value, _SEQUENCES):
            parts = value
        elif isinstance(value, Namespace):
            parts = [object.__getattribute__(value, "_Namespace__attrs")]
        else:
            return 8
        known = self._given.get(id(value)) or seen.get(id(value))
        if known is None:
            known = 2
            for part in parts:
                known += 2 + (len(part) if type(part) is str else self._size(part, seen))
                if known > self.characters:
                    break
            seen[id(value)] = known
        return known


CURRENT: ContextVar[Budget] = ContextVar("budget of the template that renders now")


def number_too_large() -> TooMuchError:
    """The refusal of a number that is too large."""
    digits = round(MOST_BITS / 3.3219, -4)
    return TooMuchError(f"the chat template computes numbers of more than {digits:,.0f} digits")


def peak_memory() -> int:
    """The most bytes that this process had in memory so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10
