"""Text that a person types or pipes in, whatever the locale makes of its bytes.

Python decodes stdin and arguments as the locale says, which is ASCII or UTF-8 with stand-ins
(surrogates) for what does not fit, or an error that loses the lines behind it. Here the bytes
count: they are UTF-8 (or what a locale with another encoding makes of them), or they are refused.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from shadow_mlx.errors import InputError

LONGEST = 1 << 24
"""Characters of a line, or of a prompt: no model reads as many, and memory ends."""


def utf8(text: str, what: str, encoding: str | None = None) -> str:
    """``text``, once it is known to be whole characters.

    Args:
        text: With stand-ins for the bytes that its decoder did not understand.
        what: What to call it in the message.
        encoding: The decoder's; that of command lines by default.

    Raises:
        InputError: Its bytes are not UTF-8.
    """
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        raw = text.encode(encoding or sys.getfilesystemencoding(), "surrogateescape")
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        where = f"the byte 0x{error.object[error.start]:02x} at position {error.start + 1}"
        raise InputError(f"{what} is not UTF-8 text ({where})") from None
    except UnicodeEncodeError:
        raise InputError(f"{what} is not UTF-8 text (half of a surrogate pair)") from None


def whole_text(what: str) -> str:
    """Everything that stdin holds.

    Args:
        what: What to call it in messages.

    Raises:
        InputError: It is not UTF-8, too long, or cannot be read.
    """
    stream = _stdin()
    try:
        text = stream.read(LONGEST + 1)
    except OSError as error:
        raise _unreadable(error) from None
    if len(text) > LONGEST:
        raise InputError(f"{what} is longer than {LONGEST:,} characters")
    return utf8(text, what, stream.encoding).removeprefix("\ufeff")


def lines(prompt: Callable[[], str], complain: Callable[[str], None]) -> Iterator[str]:
    """The lines of stdin, one when the caller wants it; a line that is no text is left out.

    Args:
        prompt: What stands before the line that a person types at a terminal.
        complain: Told about a line that is left out, and about Ctrl-C at a terminal.

    Raises:
        InputError: stdin cannot be read.
    """
    stream = _stdin()
    interactive = stream.isatty()
    if interactive:
        import readline  # noqa: F401 - editing and history of input()
    number = 0
    while True:
        try:
            line = input(prompt()) if interactive else _readline(stream)
        except EOFError:
            if interactive:
                print()
            return
        except KeyboardInterrupt:
            if not interactive:
                raise
            print()
            complain("Ctrl-D or /exit leaves")
            continue
        except OSError as error:
            raise _unreadable(error) from None
        number += 1
        what = "that line" if interactive else f"line {number}"
        try:
            if len(line.removesuffix("\n")) > LONGEST:
                raise InputError(f"{what} is longer than {LONGEST:,} characters")
            line = utf8(line, what, stream.encoding)
        except InputError as error:
            complain(f"{error}; it was not sent")
            continue
        yield line.removeprefix("\ufeff") if number == 1 else line


def _readline(stream: TextIO) -> str:
    """The next line; of one that is too long, the beginning, and the rest is passed over."""
    line = stream.readline(LONGEST + 1)
    if not line:
        raise EOFError
    rest = line
    while len(rest) > LONGEST and not rest.endswith("\n"):
        rest = stream.readline(LONGEST + 1)
    return line


def _stdin() -> TextIO:
    """stdin, with stand-ins for what its encoding does not know, and without surprises."""
    stream = sys.stdin
    if stream is None:  # it was closed when Python started
        return io.StringIO()
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="surrogateescape")
    try:
        os.set_blocking(stream.fileno(), True)  # another program may have left it impatient
    except OSError:  # a stream of this process's own
        return stream
    return stream


def _unreadable(error: OSError) -> InputError:
    return InputError(f"stdin cannot be read: {error.strerror or error}")
