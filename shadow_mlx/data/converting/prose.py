"""Plain text and Markdown documents as pieces of text that a model can be given one by one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.data.converting.decoded import TextLines
from shadow_mlx.data.converting.rows import Row
from shadow_mlx.data.reading.problems import Problem

_HEADING = re.compile(r" {0,3}#{1,6}(\s|$)")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_SENTENCE = re.compile(r"(?<=[.!?…。！？])\s+")


class Document:
    """A document as rows with one column, ``text``: paragraphs together, at most so long.

    Args:
        path: The file.
        longest: Characters of a piece.
        markdown: Whether lines may be headings, and code stands between fences.
        encoding: As somebody says it is.

    Raises:
        InvalidDataError: It is no text file; while iterating, a line is none.
    """

    def __init__(
        self, path: Path, longest: int, *, markdown: bool, encoding: str | None = None
    ) -> None:
        self._lines = TextLines(path, encoding)
        self._longest, self._markdown = longest, markdown
        self.notes: list[str] = []

    @property
    def share(self) -> float:
        """How much of the file is read, from 0 to 1."""
        return self._lines.share

    def __iter__(self) -> Iterator[Row | Problem]:
        found = pieces(paragraphs(self._lines, markdown=self._markdown), self._longest)
        for number, (text, line) in enumerate(found, 1):
            yield Row({"text": text}, number, line)


@dataclass(frozen=True)
class Paragraph:
    """Lines without a blank one between them, and the line of the file on which they begin."""

    text: str
    line: int
    heading: bool = False


def paragraphs(lines: Iterable[str], *, markdown: bool) -> Iterator[Paragraph]:
    """The paragraphs of a document.

    A heading of Markdown is one by itself, and code between fences is one whole.
    """
    held: list[str] = []
    fence = ""
    number = begin = 0
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip()
        opened = _FENCE.match(line) if markdown else None
        heading = markdown and not fence and _HEADING.match(line) is not None
        if held and (heading or (not line and not fence)):
            yield Paragraph("\n".join(held), begin)
            held = []
        if heading:
            yield Paragraph(line, number, heading=True)
        elif line or held:
            begin = begin if held else number
            held.append(line)
        if opened:
            fence = "" if opened[1] == fence else (fence or opened[1])
    if held:
        yield Paragraph("\n".join(held).rstrip(), begin)


def pieces(found: Iterable[Paragraph], longest: int) -> Iterator[tuple[str, int]]:
    """Paragraphs joined by blank lines while they fit, each with the line on which it begins.

    A heading begins a new piece where the one before is half full, and stays with what follows. A
    paragraph that is too long by itself is cut, at the end of a sentence where there is one.
    """
    held: list[Paragraph] = []
    for one in found:
        for part in _fitting(one, longest):
            length = sum(len(p.text) + 2 for p in held)
            if held and (
                length + len(part.text) > longest or (part.heading and 2 * length >= longest)
            ):
                rest = [held.pop()] if _ends_in_heading(held, part, longest) else []
                yield _joined(held)
                held = rest
            held.append(part)
    if held:
        yield _joined(held)


def _ends_in_heading(held: list[Paragraph], part: Paragraph, longest: int) -> bool:
    """Whether a heading would be left alone at the end, and fits in front of what follows."""
    last = held[-1]
    return len(held) > 1 and last.heading and len(last.text) + 2 + len(part.text) <= longest


def _joined(held: list[Paragraph]) -> tuple[str, int]:
    return "\n\n".join(one.text for one in held), held[0].line


def _fitting(one: Paragraph, longest: int) -> Iterator[Paragraph]:
    """A paragraph, cut where it is too long: at a sentence, a line, a word, or in a word."""
    text, line = one.text, one.line
    while len(text) > longest:
        cut = _cut(text, longest)
        head, tail = text[:cut], text[cut:]
        if head.strip():
            yield Paragraph(head.rstrip(), line)
        line += head.count("\n") + tail[: len(tail) - len(tail.lstrip())].count("\n")
        text = tail.lstrip()
    if text:
        yield Paragraph(text, line, one.heading)


def _cut(text: str, longest: int) -> int:
    """Where to cut: at the last good place in the second half of what fits."""
    window = text[: longest + 1]
    ends = [match.start() for match in _SENTENCE.finditer(window, longest // 2)]
    if ends:
        return ends[-1]
    for blank in ("\n", " "):
        if (at := window.rfind(blank, longest // 2)) > 0:
            return at
    return longest
