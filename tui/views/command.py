"""The command line that does the same as a form."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from shadow_mlx.config.option import Options, flag_name, option_info
from tui.views.form import chosen


def command_line(command: str, options: Options) -> str:
    """``shadow-mlx COMMAND`` with a flag for each option that is not the default.

    Args:
        command: The command's name.
        options: Of the group that the command takes.
    """
    return shlex.join(["shadow-mlx", command, *flags(options)])


def flags(options: Options, leaving: Collection[str] = ()) -> list[str]:
    """A flag for each option that is not the default, without some that are not wanted."""
    fields = {one.name: one for one in dataclasses.fields(options)}
    given = chosen(options, leaving)
    return [word for name, value in given.items() for word in _flag(fields[name], value)]


def _flag(declared: dataclasses.Field[Any], value: Any) -> Iterator[str]:
    flag = flag_name(declared)
    if option_info(declared).switches:
        yield f"--{value}"
    elif isinstance(value, bool):
        yield flag if value else flag.replace("--", "--no-", 1)
    else:
        yield from _valued(flag, value if isinstance(value, (tuple, list)) else [value])


def _valued(flag: str, values: Sequence[Any]) -> Iterator[str]:
    texts = [str(value) for value in values]
    if any(text.startswith("-") for text in texts):  # it would be taken for a flag
        yield from (f"{flag}={text}" for text in texts)
    else:
        yield from (flag, *texts)
