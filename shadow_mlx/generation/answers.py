"""What a model writes, in its parts: what it thinks, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.data.chat.ending import PROBE
from shadow_mlx.data.chat.reasoning import TAGS, Opening, Tags, Thoughts, opening_of
from shadow_mlx.data.chat.rendering import TemplateError
from shadow_mlx.data.chat.turns import Talk, prompt_of, turn_of
from shadow_mlx.data.reading.message_flags import REASONING_KEY

Part = Literal["reasoning", "words"]
Pieces = Iterator[tuple[Part, str]]

_THOUGHT = PROBE[::-1] + "\ue002"
_TAIL = 16
"""Tokens at the end of a prompt that may open a reasoning."""


class AnswerReader:
    """Takes the answers of one model apart.

    What the chat template itself puts around an answer (an empty reasoning, the name of a channel)
    is no part of it.

    Args:
        form: The tokenizer with its chat template.
    """

    def __init__(self, form: ChatFormat) -> None:
        self._form = form

    def opening(self, prompt: list[int] | tuple[int, ...]) -> Opening | None:
        """The reasoning that a prompt opens."""
        return opening_of(str(self._form.tokenizer.decode(list(prompt[-_TAIL:]))))

    def stream(self, opening: Opening | None = None) -> AnswerStream:
        """A reader of one answer that comes in pieces, behind a prompt with this opening."""
        opened = opening.tags if opening is not None and not opening.closed else None
        return AnswerStream(self._tags, self._wraps, opened)

    def read(self, text: str, opening: Opening | None = None) -> Thoughts:
        """A whole answer in its parts."""
        stream = self.stream(opening)
        parts: dict[Part, str] = {"reasoning": "", "words": ""}
        for part, piece in [*stream.feed(text), *stream.finish()]:
            parts[part] += piece
        return Thoughts(parts["reasoning"].strip(), parts["words"], stream.unfinished)

    @cached_property
    def _tags(self) -> tuple[Tags, ...]:
        tokenizer = self._form.tokenizer
        own = [Tags(tokenizer.think_start, tokenizer.think_end)] if tokenizer.has_thinking else []
        before, between = self._around[1:]
        if before.strip() and between.strip() and not any(before.strip() == t.start for t in TAGS):
            own.append(Tags(before.strip(), between.strip()))
        return tuple(dict.fromkeys([*own, *TAGS]))

    @cached_property
    def _wraps(self) -> tuple[str, ...]:
        """What the template puts in front of what is said, reasoning aside."""
        first, _, between = self._around
        for tags in self._tags:
            _, found, rest = between.partition(tags.end)
            if found:
                between = rest
                break
        bare = first.strip()
        if any(bare.startswith(tags.start) or bare.startswith(tags.end) for tags in self._tags):
            bare = ""  # an empty reasoning: the tags are known
        return tuple({wrap for wrap in (bare, between.strip()) if wrap})

    @cached_property
    def _around(self) -> tuple[str, str, str]:
        """The texts in front of an answer, in front of a reasoning, and between the two."""
        words = {"role": "assistant", "content": PROBE}
        first = self._answer_to(words) or ""
        both = self._answer_to({**words, REASONING_KEY: _THOUGHT}) or ""
        before, found, rest = both.partition(_THOUGHT)
        between = rest.partition(PROBE)[0] if found else ""
        return first.partition(PROBE)[0], before if found else "", between

    def _answer_to(self, message: dict[str, str]) -> str | None:
        form = self._form
        if not form.template.exists:
            return None
        talk = Talk([{"role": "user", "content": "x"}, message])
        prompt = prompt_of(form.template, talk, 1)
        if prompt is None:
            return None
        try:
            turn = turn_of(form.template, form.ending, talk, 1, prompt)
        except TemplateError:
            return None
        written = form.written(turn.prompt, turn.answer)
        return written if PROBE in written else turn.answer  # a vocabulary without its signs


@dataclass(frozen=True)
class _Shape:
    """What may stand at a place of an answer: the beginning of a reasoning, or a wrap."""

    word: str
    end: str | None = None


class AnswerStream:
    """One answer as it comes; a piece is held back only while it may still be a tag.

    Args:
        tags: The tags that reasoning may have.
        wraps: What may stand in front of what is said.
        opened: The tags of the reasoning that the prompt has opened.
    """

    def __init__(
        self, tags: tuple[Tags, ...], wraps: tuple[str, ...], opened: Tags | None = None
    ) -> None:
        self._begins = [_Shape(t.start, t.end) for t in tags]
        self._shapes = [*self._begins, *map(_Shape, wraps)]
        self._end = opened.end if opened else None  # of the reasoning that is being read
        self._ends = [_Shape(t.end) for t in tags]
        # None: all that comes is words. An answer may begin with the end of a reasoning: of none.
        self._expected: list[_Shape] | None = [*self._shapes, *self._ends]
        self._thought = opened is not None
        self._held = ""

    @property
    def unfinished(self) -> bool:
        """Whether the reasoning has not ended."""
        return self._end is not None

    def feed(self, text: str) -> Pieces:
        """The parts of what has come by now that were not given yet."""
        self._held += text
        while self._held:
            if self._end is not None:
                before, found, after = self._held.partition(self._end)
                if not found:
                    kept = _overlap(self._held, self._end)
                    yield from self._give("reasoning", self._held[: len(self._held) - kept])
                    self._held = self._held[len(self._held) - kept :]
                    return
                yield from self._give("reasoning", before)
                self._end, self._held, self._expected = None, after, self._shapes
            elif self._expected is not None:
                if self._is_open():
                    return
            else:
                yield from self._give("words", self._held)
                self._held = ""

    def finish(self) -> Pieces:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, ""
        yield from self._give("words" if self._end is None else "reasoning", held)

    def _is_open(self) -> bool:
        """Whether the held text may still become a tag or a wrap; takes one that is whole."""
        assert self._expected is not None
        bare = self._held.lstrip()
        if not bare:
            return True
        found = [shape for shape in self._expected if bare.startswith(shape.word)]
        if not found:
            if any(shape.word.startswith(bare) for shape in self._expected):
                return True
            if self._thought:
                self._held = bare  # blank lines between reasoning and answer are the template's
            self._expected = None
            return False
        shape = max(found, key=lambda one: len(one.word))
        self._held = bare[len(shape.word) :]
        if shape.end is not None:
            self._end, self._thought = shape.end, True
        else:
            self._thought = self._thought or shape in self._ends
            self._expected = self._begins
        return False

    def _give(self, part: Part, text: str) -> Pieces:
        if text:
            yield part, text


def _overlap(text: str, word: str) -> int:
    """How many characters at the end of ``text`` may begin ``word``."""
    return next(
        (n for n in range(min(len(word) - 1, len(text)), 0, -1) if text.endswith(word[:n])), 0
    )
