"""The command of a form, read back by the command's own parser."""

from __future__ import annotations

import dataclasses
import shlex

import pytest

from shadow_mlx.cli.main import command_module
from shadow_mlx.cli.options import Parser, build_options
from shadow_mlx.config import (
    ChatConfig,
    CompareConfig,
    ExportConfig,
    ImportConfig,
    PushConfig,
    TrainConfig,
)
from shadow_mlx.config.option import Options
from shadow_mlx.config.values import hints_of
from tests.config.test_matrix import BESIDE, other_value
from tui.views.command import command_line

GROUPS: dict[str, type[Options]] = {
    "train": TrainConfig,
    "chat": ChatConfig,
    "compare": CompareConfig,
    "export": ExportConfig,
    "import": ImportConfig,
    "push": PushConfig,
}
EACH = [(command, f.name) for command, group in GROUPS.items() for f in dataclasses.fields(group)]


def read(line: str) -> Options:
    program, command, *arguments = shlex.split(line)
    assert program == "shadow-mlx"
    parser = Parser(prog=command)
    command_module(command).add_arguments(parser)
    return build_options(GROUPS[command], parser.parse_args(arguments))


@pytest.mark.parametrize(("command", "name"), EACH)
def test_each_option_comes_back_from_the_command(command: str, name: str) -> None:
    group = GROUPS[command]
    declared = next(f for f in dataclasses.fields(group) if f.name == name)
    value = other_value(declared, hints_of(group)[name])
    options = dataclasses.replace(group(), **{**BESIDE.get((command, name), {}), name: value})
    assert read(command_line(command, options)) == options


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("export", ExportConfig()),
        ("push", PushConfig(folder="a b/'c'", repo="a/b", message="--private; rm -rf $HOME\n")),
        ("compare", CompareConfig(data="-x.jsonl", rival=("-a", "b c"), adapter_path=("d", "e"))),
        ("train", TrainConfig(data="d", learning_rate=1.1e-7, alpha=-2.5, mask_prompt=False)),
    ],
)
def test_what_a_shell_would_take_for_something_else_comes_back(
    command: str, options: Options
) -> None:
    assert read(command_line(command, options)) == options


def test_defaults_are_not_repeated() -> None:
    assert command_line("export", ExportConfig()) == "shadow-mlx export"
    assert command_line("export", ExportConfig(q_bits=4)) == "shadow-mlx export --q-bits 4"
