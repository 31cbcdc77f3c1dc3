"""Option dataclasses (:mod:`shadow_mlx.config`) as command-line flags and YAML files.

Values come from three places, each stronger than the one before: the declaration's default, the
YAML file given with ``-c``, the flags. Nothing heavy is imported here.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import typing
from collections.abc import Callable, Collection
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from shadow_mlx.config.option import GROUP_TITLES, Options, flag_name, option_info
from shadow_mlx.config.paths import expanded
from shadow_mlx.config.values import choices_of, element_of, from_text, misfit, nearest, plain_type
from shadow_mlx.config.yaml_file import read_yaml
from shadow_mlx.terminal import visible

SomeOptions = TypeVar("SomeOptions", bound=Options)


class Parser(argparse.ArgumentParser):
    """A parser with one-message errors, no abbreviated flags, and a hint for a misspelt one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("allow_abbrev", False)
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        """Print the message, without the usage, and exit with code 2."""
        print(f"{self.prog}: {visible(message)} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        """As in argparse, which passes over what cannot be written."""
        if message:
            (file or sys.stderr).write(message)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in argparse; an unknown flag is answered with the nearest known one."""
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = self._flags_for(parsed)
            wrong = unknown[0].split("=")[0]
            meant = nearest(wrong, known)
            hint = f" (did you mean {meant}?)" if meant else ""
            self.error(f"unknown argument {unknown[0]!r}{hint}")
        return parsed

    def _flags_for(self, parsed: argparse.Namespace) -> list[str]:
        """All flags of this parser and of the sub-parser that was chosen."""
        flags: list[str] = []
        for action in self._actions:
            flags += action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                chosen = action.choices.get(getattr(parsed, action.dest, None) or "")
                if isinstance(chosen, Parser):
                    flags += chosen._flags_for(parsed)
        return flags


def add_options(
    parser: argparse.ArgumentParser, declared: type[Options], *, skip: Collection[str] = ()
) -> None:
    """Add one flag for each field of ``declared`` but those named in ``skip``.

    A flag that is not given leaves nothing in the namespace, so that :func:`build_options` can
    tell it from one that repeats the default.
    """
    hints = typing.get_type_hints(declared)
    groups: dict[str, Any] = {}
    order = list(GROUP_TITLES)
    shown = [
        f for f in dataclasses.fields(declared) if f.name not in skip and "option" in f.metadata
    ]
    for one in sorted(shown, key=lambda f: order.index(option_info(f).group)):
        name = option_info(one).group
        if name not in groups:
            groups[name] = parser.add_argument_group(GROUP_TITLES.get(name, name))
        _add_flag(groups[name], one, hints[one.name])


def path_text(text: str) -> str:
    """The ``type`` of a flag that names a file or folder, where no option declares it."""
    path, problem = expanded(text)
    if problem:
        raise argparse.ArgumentTypeError(problem)
    return path


def add_config_file(parser: argparse.ArgumentParser) -> None:
    """Add ``-c/--config FILE.yaml``; :func:`build_options` reads it from ``args.config``."""
    parser.add_argument(
        "-c",
        "--config",
        type=lambda text: Path(path_text(text)),
        metavar="FILE.yaml",
        help="options from a file; flags win",
    )


def build_options(
    declared: type[SomeOptions], args: argparse.Namespace, *, file: type[Options] | None = None
) -> SomeOptions:
    """The options that ``args`` describes: defaults, then ``args.config``, then flags.

    Args:
        declared: The group.
        args: The parsed command line.
        file: What the options file may name, if that is more than ``declared`` has.

    Raises:
        ConfigError: The file cannot be read, a key is unknown, a value has the wrong type or is
            out of range, or two options contradict each other; all findings in one message.
    """
    path: Path | None = getattr(args, "config", None)
    # The file is checked by itself, so that what a flag replaces is not wrong unnoticed.
    values = config_file_options(file or declared, path) if path is not None else {}
    known = {one.name for one in dataclasses.fields(declared)}
    values = {name: value for name, value in values.items() if name in known}
    for one in dataclasses.fields(declared):
        if hasattr(args, one.name):
            values[one.name] = getattr(args, one.name)
    return declared(**values)


def config_file_options(declared: type[Options], path: Path) -> dict[str, Any]:
    """The options that the file given with ``-c`` names, each good by itself.

    Raises:
        ConfigError: The file cannot be read, or names what it should not.
    """
    return declared.checked(read_yaml(path, flag="--config"), where=f"--config {path}")


def _add_flag(group: Any, one: Field[Any], hint: Any) -> None:
    info = option_info(one)
    names = [info.short, flag_name(one)] if info.short else [flag_name(one)]
    shared = {
        "dest": one.name,
        "default": argparse.SUPPRESS,
        "help": _help(one).replace("%", "%%"),  # argparse formats help with %
    }
    if info.switches:
        switches = group.add_mutually_exclusive_group()
        for value, help in info.switches.items():
            shared |= {"action": "store_const", "const": value, "help": help}
            switches.add_argument(f"--{value}", **shared)
        return
    if plain_type(hint) is bool:
        group.add_argument(*names, action=argparse.BooleanOptionalAction, **shared)
        return
    if chosen := choices_of(hint):
        metavar = "{" + ",".join(chosen) + "}"
    else:
        metavar = info.metavar or {int: "N", float: "X", str: "TEXT"}[plain_type(hint)]
    if (element := element_of(hint)) is not None:
        shared |= {"action": "extend", "nargs": "+"}
    group.add_argument(*names, type=_converter(element or hint), metavar=metavar, **shared)


def _help(one: Field[Any]) -> str:
    info = option_info(one)
    notes = [info.unit] if info.unit else []
    if isinstance(one.default, tuple):
        notes.append(f"default: {' '.join(one.default)}")
    elif one.default is not None and one.default is not MISSING:
        shown = {True: "yes", False: "no"}.get(one.default, one.default)
        if isinstance(one.default, (int, float)) and not isinstance(one.default, bool):
            shown = f"{one.default:g}"
        notes.append(f"default: {shown}")
    return f"{info.help} ({', '.join(notes)})" if notes else info.help


def _converter(hint: Any) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        value = from_text(text, hint)
        # A number that is none (nan), or out of range, is told with all else that is wrong.
        told_now = choices_of(hint) or not isinstance(value, plain_type(hint))
        if told_now and (problem := misfit(value, hint)):
            raise argparse.ArgumentTypeError(problem)
        return value

    return convert
