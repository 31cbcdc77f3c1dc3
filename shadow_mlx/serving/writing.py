"""One answer while it is written: tokens to what a client is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import mlx.core as mx
import numpy as np
from jaxtyping import Float

from shadow_mlx.generation.answers import AnswerReader, Part
from shadow_mlx.generation.calls import Call, calls_in

Reason = Literal["stop", "length", "tool_calls"]
Piece = tuple[Part, str]

_CODE = ("{", "```")
"""How an answer begins that may be a call, where the model has no words for calls."""


@dataclass(frozen=True)
class Likely:
    """A token and its log-probability. ``data`` are its bytes, where they are whole characters."""

    token: str
    logprob: float
    data: tuple[int, ...] | None


@dataclass(frozen=True)
class TokenScore:
    """One token of the answer, and the likeliest in its place."""

    chosen: Likely
    top: tuple[Likely, ...]


@dataclass(frozen=True)
class Counts:
    """Tokens of one answer.

    Attributes:
        prompt: Of its prompt.
        cached: Those of them that were not computed again.
        written: Of the answer, the end token included.
        reasoning: Those of them that were thought, not said.
        drafted: Tokens that the shadow proposed.
        accepted: Those of them that were taken.
    """

    prompt: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0
    drafted: int = 0
    accepted: int = 0


@dataclass(frozen=True)
class Written:
    """What one more token adds: text in its parts, and scores where they were asked for."""

    pieces: tuple[Piece, ...] = ()
    scores: tuple[TokenScore, ...] = ()


@dataclass(frozen=True)
class Ended(Written):
    """The last of an answer."""

    reason: Reason = "stop"
    calls: tuple[Call, ...] = ()
    counts: Counts = field(default_factory=lambda: Counts(0))


class Writing:
    """Reads the tokens of one answer.

    Args:
        tokenizer: As mlx-lm loads it.
        reader: Of the model's answers.
        prompt: Token ids before the answer.
        stop: Texts that end it.
        tools: Functions that it may call.
        one_call: Whether it may call one at most.
        top: How many likely tokens are told at each place; None: no scores.
    """

    def __init__(
        self,
        tokenizer: Any,
        reader: AnswerReader,
        prompt: Sequence[int],
        *,
        stop: Sequence[str] = (),
        tools: Sequence[Mapping[str, Any]] = (),
        one_call: bool = False,
        top: int | None = None,
        chat: bool = True,
    ) -> None:
        self._tokenizer = tokenizer
        self._pieces = tokenizer.detokenizer
        self._parts = reader.stream(reader.opening(list(prompt))) if chat else None
        self._stops = StopWatch(stop)
        self._calls = CallWatch(tokenizer, tools, one_call) if tools else None
        self._top = top
        self._written = self._reasoning = 0

    @property
    def counted(self) -> tuple[int, int]:
        """Tokens that were written, and those of them that were thought."""
        return self._written, self._reasoning

    def add(self, token: int, logprobs: Float[mx.array, " vocabulary"], ends: bool) -> Written:
        """The next token.

        Args:
            token: Its id.
            logprobs: Of all tokens in its place.
            ends: Whether it is one that ends the answer, and no text.
        """
        self._written += 1
        if ends:
            return Written()
        self._pieces.add_token(token)
        pieces = tuple(self._told(self._stops.feed(self._pieces.last_segment)))
        scores = () if self._top is None else (self._score(token, logprobs, self._top),)
        return Written(pieces, scores)

    @property
    def stopped(self) -> bool:
        """Whether a text has come that ends the answer."""
        return self._stops.found

    def finish(self, reason: Reason, counts: Counts) -> Ended:
        """The end of the answer: what was held back until now, and its calls."""
        pieces: list[Piece] = []
        if not self._stops.found:
            self._pieces.finalize()
            pieces += self._told(self._stops.feed(self._pieces.last_segment))
        if not self._stops.found:
            pieces += self._told(self._stops.rest())
        if self._stops.found:
            reason = "stop"
        if self._parts is not None:
            pieces += self._said(self._parts.finish())
        calls: Sequence[Call] = ()
        if self._calls is not None:
            calls, rest = self._calls.finish()
            if rest:
                pieces.append(("words", rest))
        if calls and reason == "stop":
            reason = "tool_calls"
        return Ended(tuple(pieces), (), reason, tuple(calls), counts)

    def _told(self, text: str) -> Iterator[Piece]:
        """Text in its parts, as far as it is known by now which they are."""
        if not text:
            return
        pieces = self._parts.feed(text) if self._parts is not None else [("words", text)]
        found = list(self._said(pieces))
        if any(part == "reasoning" for part, _ in found):
            self._reasoning += 1
        yield from found

    def _said(self, pieces: Iterable[tuple[Any, str]]) -> Iterator[Piece]:
        for part, text in pieces:
            if part == "words" and self._calls is not None:
                text = self._calls.feed(text)
            if text:
                yield part, text

    def _score(self, token: int, logprobs: mx.array, top: int) -> TokenScore:
        values = np.array(logprobs.astype(mx.float32))
        best = np.argsort(-values, kind="stable")[:top]
        chosen = self._likely(token, values)
        return TokenScore(chosen, tuple(self._likely(int(i), values) for i in best))

    def _likely(self, token: int, values: np.ndarray[Any, Any]) -> Likely:
        text = str(self._tokenizer.decode([token]))
        data = None if "\ufffd" in text else tuple(text.encode("utf-8", "replace"))
        return Likely(text, max(float(values[token]), -9999.0), data)  # JSON has no infinity


class StopWatch:
    """Looks for texts that end an answer; holds back only what may begin one of them.

    Args:
        stops: The texts.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = list(stops)
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """What of the text so far is the answer's for certain, and was not given yet."""
        if self.found:
            return ""
        self._held += text
        places = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if places:
            self.found = True
            told, self._held = self._held[: min(places)], ""
            return told
        kept = max((begun(self._held, stop) for stop in self._stops), default=0)
        told, self._held = (
            self._held[: len(self._held) - kept],
            self._held[len(self._held) - kept :],
        )
        return told

    def rest(self) -> str:
        """What was held back, when nothing more comes."""
        told, self._held = self._held, ""
        return told


class CallWatch:
    """Keeps tool calls out of what is said. Text that may be one is held until the answer ends.

    Args:
        tokenizer: Knows the words around calls of most families.
        tools: Functions that may be called; what names another one is no call.
        one_call: Whether the first call alone counts.
    """

    def __init__(
        self, tokenizer: Any, tools: Sequence[Mapping[str, Any]], one_call: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._tools = [dict(tool) for tool in tools]
        self._names = {tool["function"]["name"] for tool in self._tools}
        self._one = one_call
        self._word: str | None = tokenizer.tool_call_start if tokenizer.has_tool_calling else None
        self._held = ""
        self._holding: bool | None = None  # not known yet

    def feed(self, text: str) -> str:
        """What of the words so far is said for certain, and was not given yet."""
        self._held += text
        if self._holding:
            return ""
        if self._word is None:
            return self._by_beginning()
        before, found, _ = self._held.partition(self._word)
        if found:
            self._holding = True
        else:
            before = before[: len(before) - begun(before, self._word)]
        self._held = self._held[len(before) :]
        return before

    def finish(self) -> tuple[list[Call], str]:
        """The calls, and what was held back without being one."""
        held, self._held = self._held, ""
        calls = calls_in(held, self._tokenizer, self._tools) if held else []
        if not calls or not all(name in self._names for name, _ in calls):
            return [], held
        return (calls[:1] if self._one else calls), ""

    def _by_beginning(self) -> str:
        if self._holding is None:
            bare = self._held.lstrip()
            if bare.startswith(_CODE):
                self._holding = True
            if self._holding or any(begin.startswith(bare) for begin in _CODE):
                return ""  # a call perhaps, or too short to tell
        self._holding = False
        told, self._held = self._held, ""
        return told


def begun(text: str, word: str) -> int:
    """How many characters at the end of ``text`` may begin ``word``."""
    return next(
        (n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0
    )
