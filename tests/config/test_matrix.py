"""Every option of every group, by every way in which a person can give it: the same value."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx import config
from shadow_mlx.cli.main import command_module
from shadow_mlx.cli.options import Parser, build_options
from shadow_mlx.config.option import Options, flag_name, option_info
from shadow_mlx.config.values import choices_of, element_of, hints_of, plain_type
from shadow_mlx.config.yaml_file import to_yaml
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.evaluation.measuring import measure
from shadow_mlx.jobs import import_adapter, push
from tui.views import form

COMMANDS = {
    "train": config.TrainConfig,
    "estimate": config.TrainConfig,
    "chat": config.ChatConfig,
    "generate": config.GenerateConfig,
    "compare": config.CompareConfig,
    "data check": config.EncodingConfig,
    "data convert": config.ConvertConfig,
    "data split": config.SplitConfig,
    "data sample": config.SampleConfig,
    "data shuffle": config.ShuffleConfig,
    "export": config.ExportConfig,
    "import": config.ImportConfig,
    "push": config.PushConfig,
    "serve": config.ServeConfig,
}
COLUMNS = [f.name for f in dataclasses.fields(config.ColumnConfig)]
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    **{
        (command, name): {"teacher": "base"}
        for command in ("train", "estimate")
        for name in ("teacher_top", "on_policy")
    },
    **{
        (command, name): {"teacher": "adapters", "answers": "all"}
        for command in ("train", "estimate")
        for name in ("answers", "max_tokens")
    },
    **{(command, "hidden_blocks"): {"hidden_weight": 1.0} for command in ("train", "estimate")},
    ("export", "q_group_size"): {"q_bits": 4},
    ("serve", "longest_answer"): {"max_tokens": 9},
    **{("export", name): {"vocabulary": "chats.jsonl"} for name in COLUMNS},
}
"""What an option cannot be without, or says nothing without."""

EXAMPLES = {"JSON": '{"a": 1}', "last|even|N,N,...": "4,8", "ENCODING": "latin-1"}
"""A text of a kind that not every text is of."""

ACTIONS = [command for command in COMMANDS if " " in command]
"""Commands of several words: the group of each is the one that the first word's module names."""
NEEDED = {
    "generate": ["--prompt", "x"],
    **{command: [command.split()[1], "x.jsonl"] for command in ACTIONS},
}
FORMS = {"train", "chat", "compare", "export", "import", "push", "serve"}
"""Commands whose options are a form of the UI, too."""
BY_COMMAND = {
    *("adapter_path", "data", "batch_size", "seed", "max_tokens", "limit", "max_seq_length"),
    *("output", "valid_fraction"),
}
"""Options whose help says what they are to one command."""

OPTIONS = [(c, f.name) for c, group in COMMANDS.items() for f in dataclasses.fields(group)]


def other_value(declared: dataclasses.Field[Any], hint: Any) -> Any:
    """A value that is allowed and not the default."""
    if element_of(hint) is not None:
        chosen = choices_of(hint)
        return (chosen[1],) if chosen else ("a/b", "c")
    if chosen := choices_of(hint):
        return next(one for one in chosen if one != declared.default)
    info, kind = option_info(declared), plain_type(hint)
    if kind is bool:
        return not declared.default
    if kind is str:
        return EXAMPLES.get(info.metavar or "", "something")
    if kind is int and info.maximum is not None and info.maximum <= 128:
        return int(info.maximum)
    if kind is int:
        return 9 if info.minimum is None else int(max(info.minimum + 1, 9))
    return 0.25


def as_flags(declared: dataclasses.Field[Any], value: Any) -> list[str]:
    flag = flag_name(declared)
    if option_info(declared).switches:
        return [f"--{value}"]
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    return [flag, *map(str, value)] if isinstance(value, tuple) else [flag, str(value)]


@pytest.fixture(scope="module")
def parsers() -> dict[str, argparse.ArgumentParser]:
    made = {}
    for name in COMMANDS:
        word, _, action = name.partition(" ")
        command = command_module(word)
        assert (command.OPTIONS[action] if action else command.OPTIONS) is COMMANDS[name]
        made[name] = Parser(prog=name)
        command.add_arguments(made[name])
    return made


@pytest.mark.parametrize(("command", "name"), OPTIONS)
def test_an_option_means_the_same_whichever_way_it_comes(
    command: str, name: str, parsers: dict[str, argparse.ArgumentParser], tmp_path: Path
) -> None:
    group = COMMANDS[command]
    declared = next(f for f in dataclasses.fields(group) if f.name == name)
    value = other_value(declared, hints_of(group)[name])
    beside = BESIDE.get((command, name), {})
    given = {**beside, name: value}
    wanted = dataclasses.replace(group(), **given)
    assert getattr(wanted, name) == value != declared.default
    begin = NEEDED.get(command, [])

    def read(*arguments: str) -> Options:
        args = parsers[command].parse_args([*begin, *arguments])
        if command in ACTIONS:  # a positional argument
            del args.data
        return build_options(group, args)

    fields = {f.name: f for f in dataclasses.fields(group)}
    assert read(*(flag for one in given for flag in as_flags(fields[one], given[one]))) == wanted
    for spelt in (name, name.replace("_", "-")):
        file = tmp_path / "options.yaml"
        file.write_text(to_yaml(beside | {spelt: value}), encoding="utf-8")
        assert read("-c", str(file)) == wanted
    carried = json.loads(json.dumps(wanted.to_mapping()))  # to a worker and back
    assert group.from_mapping(carried) == wanted
    text = {one: form.to_text(given[one]) for one in given}
    assert form.sound_values(text, group) == given
    if command in FORMS:
        needed = dict.fromkeys(form.NEEDED.get(group, {}), "x")
        filled, problems = form.filled_in(group, needed | text)
        assert (filled, problems) == (dataclasses.replace(wanted, **(needed | given)), {})
        assert form.chosen(wanted) == given


UNSHOWN = {"parallel"}
"""What a form has no field for, but where it was chosen elsewhere."""

BELOW = [
    (c, f.name)
    for c in sorted(FORMS)
    for f in dataclasses.fields(COMMANDS[c])
    if f.name not in UNSHOWN
    and (
        option_info(f).minimum is not None
        or option_info(f).kind == "path"
        or choices_of(hints_of(COMMANDS[c])[f.name])
    )
]


@pytest.mark.parametrize(("command", "name"), BELOW)
def test_a_form_refuses_what_its_command_does_in_the_same_words(
    command: str,
    name: str,
    parsers: dict[str, argparse.ArgumentParser],
    capsys: pytest.CaptureFixture[str],
) -> None:
    group = COMMANDS[command]
    declared = next(f for f in dataclasses.fields(group) if f.name == name)
    info = option_info(declared)
    wrong = "nonsense" if info.minimum is None else f"{info.minimum - 1:g}"
    if info.kind == "path":
        wrong = "x" * 300
    beside = {one: form.to_text(v) for one, v in BESIDE.get((command, name), {}).items()}
    _, problems = form.filled_in(group, {**beside, name: wrong})
    flag = flag_name(declared)
    if info.switches:  # no flag takes a value
        assert (
            problems[name] == f"{flag}: expected one of {', '.join(config.MODES)}, found 'nonsense'"
        )
        return
    try:
        with pytest.raises(ConfigError) as refused:
            build_options(group, parsers[command].parse_args([f"{flag}={wrong}"]))
        said = str(refused.value)
    except SystemExit:
        said = capsys.readouterr().err
    assert problems[name].removeprefix(flag) in said
    assert problems[name].startswith(flag)


@pytest.mark.parametrize(
    ("group", "name", "job"),
    [
        (config.CompareConfig, "data", measure),
        (config.ImportConfig, "source", import_adapter),
        (config.PushConfig, "repo", push),
    ],
)
def test_what_a_form_needs_is_said_as_the_command_does(
    group: type[Options], name: str, job: Callable[[Any], Any]
) -> None:
    with pytest.raises(InputError) as refused:
        job(group())
    assert form.filled_in(group, {}) == (None, {name: str(refused.value)})


@pytest.mark.parametrize("command", sorted(FORMS))
def test_what_says_nothing_beside_the_others_is_not_taken_from_a_form(command: str) -> None:
    """What a form leaves out is an option of its group, and says nothing to the command."""
    group = COMMANDS[command]
    names = {f.name for f in dataclasses.fields(group)}
    told = {"objective": "pretrain", "shadow": "small", "to": "peft"}
    for values in ({}, *({name: text} for name, text in told.items() if name in names)):
        idle = group.idle(values)
        assert idle <= names - values.keys() - form.NEEDED.get(group, {}).keys()
        needed = dict.fromkeys(form.NEEDED.get(group, {}), "x")
        filled, problems = form.filled_in(group, {**needed, **values, **dict.fromkeys(idle, "?")})
        assert problems == {}
        assert filled == group.from_mapping({**needed, **values})


def test_an_option_of_one_name_is_one_option() -> None:
    known: dict[str, tuple[str, Any]] = {}
    for group in COMMANDS.values():
        for declared in dataclasses.fields(group):
            found = (group.__name__, option_info(declared))
            earlier = known.setdefault(declared.name, found)
            assert declared.name in BY_COMMAND or found[1] == earlier[1], declared.name


@pytest.mark.parametrize("command", ["train", "chat", "compare"])
def test_a_form_has_no_field_for_other_processes(command: str) -> None:
    group = COMMANDS[command]
    assert form.idle_now(group, {}) >= UNSHOWN
    assert form.idle_now(group, {"parallel": "data"}) >= UNSHOWN
    assert not UNSHOWN & form.idle_now(group, {"parallel": "tensor"})
