"""Options in a YAML file: ``option: value`` lines and nothing else of YAML.

What an options file never needs is refused as soon as it comes, with its line: aliases (a few
lines of them stand for gigabytes), whatever is in each other but a list of values, tags that make
objects, a second document. A value that could be a date or a time of day stays the text that it is.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from shadow_mlx.config.values import shown
from shadow_mlx.errors import ConfigError

LARGEST = 1 << 20
"""Bytes of an options file; one with every option set has two thousand."""

# What stands for something other than text, as YAML 1.1 (and PyYAML's writer) has it; without the
# numbers to the base 8, 2 and 60, which nobody means: 010, 0b1 and 1:30 stay text.
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    written: value
    for value, words in ((True, ("yes", "true", "on")), (False, ("no", "false", "off")))
    for word in words
    for written in (word, word.title(), word.upper())
}
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]{,400})")
_HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F_]{1,400}")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?"
)
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OTHER_BREAKS = re.compile("[\x85\u2028\u2029]")
_MOST_SHOWN = 20  # problems in one message
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})


def read_yaml(path: Path, *, flag: str = "") -> dict[str, Any]:
    """The options that a file names; none for an empty file.

    Args:
        path: The file.
        flag: By which a person has named the file, for the messages.

    Returns:
        Values by name, dashes in the names turned into underscores.

    Raises:
        ConfigError: The file is missing, cannot be read, or is not of ``option: value`` lines.
    """
    where = f"{flag} {path}".lstrip()
    return _options_in(_text_of(path, where), where)


def to_yaml(values: Mapping[str, Any]) -> str:
    """What :func:`read_yaml` reads back to the same values."""
    import yaml

    # PyYAML writes these line breaks as they are, and reads them as spaces.
    breaks = any(isinstance(one, str) and _OTHER_BREAKS.search(one) for one in values.values())
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=not breaks))


def _text_of(path: Path, where: str) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe: at once
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(f"{where}: cannot be read: it is not a regular file")
            with open(handle, "rb", closefd=False) as file:
                data = file.read(LARGEST + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise ConfigError(f"{where}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{where}: cannot be read: {error.strerror}") from None
    except ValueError:  # a NUL in the name
        raise ConfigError(f"{where}: cannot be read: no file can have this name") from None
    if len(data) > LARGEST:
        raise ConfigError(f"{where}: larger than {LARGEST:,} bytes, which no options file is")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{where}: line {line}: cannot be read as text (UTF-8)") from None


def _options_in(text: str, where: str) -> dict[str, Any]:
    import yaml

    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigError(f"{where}: line {line}: not valid YAML: holds {found.group()!r}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    problems: list[str] = []
    try:
        values = _mapping_of(yaml.parse(text, Loader=loader), problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"line {mark.line + 1}: " if mark else ""
        problems = [f"{at}not valid YAML: {error.problem or error.context}"]
    except yaml.YAMLError as error:
        problems = [f"not valid YAML: {shown(str(error))}"]
    if problems:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in problems[:_MOST_SHOWN]))
    return values


def _mapping_of(events: Iterator[Any], problems: list[str]) -> dict[str, Any]:
    """The one flat mapping that a stream of events may consist of; what else comes is a problem."""
    import yaml

    def refuse(event: Any, what: str) -> None:
        problems.append(f"line {event.start_mark.line + 1}: {what}")

    values: dict[str, Any] = {}
    next(events)  # the stream begins
    if isinstance(next(events), yaml.StreamEndEvent):
        return values
    top = next(events)
    if isinstance(top, yaml.MappingStartEvent):
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            _read_pair(key, events, values, refuse)
    elif not isinstance(top, yaml.ScalarEvent) or _value_of(top) is not None:
        refuse(top, f"expected 'option: value' lines, found {_kind_of(top)}")
        _skip(top, events)
    next(events)  # the document ends
    if not isinstance(more := next(events), yaml.StreamEndEvent):
        refuse(more, "a second document begins; an options file is one")
    return values


def _read_pair(
    key: Any, events: Iterator[Any], values: dict[str, Any], refuse: Callable[[Any, str], None]
) -> None:
    """One option and its value, put into ``values``."""
    import yaml

    _skip(key, events)
    value = next(events)
    several = _list_of(value, events)
    if not isinstance(key, yaml.ScalarEvent):
        refuse(key, f"expected the name of an option, found {_kind_of(key)}")
        return
    name = key.value.replace("-", "_")
    if name in values:
        refuse(key, f"{shown(key.value)} is given twice")
    values[name] = None
    for one in several:
        if not isinstance(one, yaml.ScalarEvent):
            refuse(one, f"{shown(key.value)}: expected one value, found {_kind_of(one)}")
            return
    for one in {id(event): event for event in (key, value, *several)}.values():
        if one.tag is not None and one.tag not in _PLAIN_TAGS | _TEXT_TAGS:
            refuse(one, f"{shown(key.value)}: the tag {shown(one.tag)} makes no option")
    found = [_value_of(one) for one in several]
    values[name] = found if isinstance(value, yaml.SequenceStartEvent) else found[0]


def _list_of(begun: Any, events: Iterator[Any]) -> list[Any]:
    """The events of a list's items; what is no list is one item."""
    import yaml

    if not isinstance(begun, yaml.SequenceStartEvent):
        _skip(begun, events)
        return [begun]
    items = []
    while not isinstance(item := next(events), yaml.SequenceEndEvent):
        _skip(item, events)
        items.append(item)
    return items


def _skip(begun: Any, events: Iterator[Any]) -> None:
    """Pass over what is in a list or mapping, which is read no further."""
    import yaml

    depth = int(isinstance(begun, yaml.CollectionStartEvent))
    while depth:
        event = next(events)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)


def _kind_of(event: Any) -> str:
    import yaml

    if isinstance(event, yaml.AliasEvent):
        return "an alias"
    if isinstance(event, yaml.SequenceStartEvent):
        return "a list"
    return "a mapping" if isinstance(event, yaml.MappingStartEvent) else "a string"


def _value_of(event: Any) -> Any:
    """What a scalar stands for."""
    text: str = event.value
    if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
        return text  # in quotes, or a block
    if text in _NOTHING:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    digits = text.replace("_", "")
    if _DECIMAL.fullmatch(text):
        return int(digits)
    if _HEXADECIMAL.fullmatch(text) and digits[-1] not in "xX":
        return int(digits, 16)
    if _FLOAT.fullmatch(text):
        return float(digits)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text
