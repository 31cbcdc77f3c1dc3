from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pytest

from shadow_mlx.cli.options import Parser, add_config_file, add_options, build_options
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.option import flag_name
from shadow_mlx.errors import ConfigError


def parse(*flags: str) -> argparse.Namespace:
    parser = Parser(prog="shadow-mlx train")
    add_config_file(parser)
    add_options(parser, TrainConfig)
    namespace = parser.parse_args(list(flags))
    assert isinstance(namespace, argparse.Namespace)
    return namespace


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return str(path)


def test_without_flags_the_declared_defaults_hold() -> None:
    assert build_options(TrainConfig, parse()) == TrainConfig()


def test_every_option_has_a_flag_and_a_help_text() -> None:
    text = Parser(prog="x")
    add_options(text, TrainConfig)
    shown = text.format_help()
    for one in dataclasses.fields(TrainConfig):
        assert flag_name(one) in shown


def test_flags_are_converted() -> None:
    args = parse(
        "--rank", "4", "--alpha", "0.5", "--sharing", "layer", "--no-mask-prompt", "--warmup", "7"
    )
    built = build_options(TrainConfig, args)
    assert (built.rank, built.alpha, built.sharing) == (4, 0.5, "layer")
    assert (built.mask_prompt, built.warmup) == (False, 7)


def test_defaults_lose_to_the_file_and_the_file_loses_to_flags(tmp_path: Path) -> None:
    path = written(tmp_path, "rank: 8\nlearning-rate: 1e-4\nshuffle: false\n")
    built = build_options(TrainConfig, parse("-c", path, "--rank", "2"))
    assert (built.rank, built.learning_rate, built.shuffle) == (2, 1e-4, False)
    assert built.alpha == TrainConfig().alpha


def test_a_flag_that_repeats_the_default_still_beats_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "rank: 8\nmask_prompt: false\n")
    built = build_options(TrainConfig, parse("-c", path, "--rank", "16", "--mask-prompt"))
    assert (built.rank, built.mask_prompt) == (16, True)


def test_a_flag_does_not_hide_what_is_wrong_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "rank: many\nalpha: .nan\nbatch_size: 0\n")
    with pytest.raises(ConfigError) as caught:
        build_options(TrainConfig, parse("-c", path, "--rank", "2", "--batch-size", "2"))
    assert {line.split(": ")[1] for line in str(caught.value).splitlines()} == {
        "rank", "alpha", "--batch-size",
    }  # fmt: skip


def test_a_flag_may_settle_a_contradiction(tmp_path: Path) -> None:
    path = written(tmp_path, "shadow: folder\nshadow_layers: 3\n")
    assert build_options(TrainConfig, parse("-c", path, "--shadow", "mirror")).shadow_layers == 3


def test_the_effective_configuration_reproduces_itself(tmp_path: Path) -> None:
    import yaml

    first = build_options(TrainConfig, parse("--rank", "3", "--epochs", "2", "--no-shuffle"))
    path = written(tmp_path, yaml.safe_dump(first.to_mapping()))
    assert build_options(TrainConfig, parse("-c", path)) == first


def test_unknown_keys_and_wrong_types_are_all_named(tmp_path: Path) -> None:
    path = written(tmp_path, "rnak: 8\nbatch_size: many\nsharing: depth\n")
    with pytest.raises(ConfigError) as caught:
        build_options(TrainConfig, parse("-c", path))
    message = str(caught.value)
    assert "'rnak' (did you mean 'rank'?)" in message
    assert "batch_size: expected a whole number, found 'many'" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- rank\n", "found a list"),
        ("rank: [1\n", "not valid YAML"),
        ("just words", "found a str"),
    ],
)
def test_files_that_are_no_mapping(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build_options(TrainConfig, parse("-c", written(tmp_path, text)))


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert build_options(TrainConfig, parse("-c", written(tmp_path, ""))) == TrainConfig()


def test_missing_folder_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        build_options(TrainConfig, parse("-c", str(tmp_path / "none.yaml")))
    with pytest.raises(ConfigError, match="cannot be read"):
        build_options(TrainConfig, parse("-c", str(tmp_path)))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        build_options(TrainConfig, parse("-c", str(tmp_path / "binary.yaml")))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--rank", "0"], "--rank: must be at least 1"),
        (["--dropout", "1.5"], "--dropout: must be at most 0.99"),
        (["--learning-rate", "0"], "--learning-rate: must be more than 0"),
        (["--alpha", "nan"], "--alpha: expected a number, found nan"),
        (["--iters", "5", "--epochs", "1"], "--iters and --epochs"),
        (["--shadow", "folder", "--shadow-layers", "3"], "--shadow-layers: an explicit --shadow"),
    ],
)
def test_ranges_and_contradictions_name_the_flag(flags: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        build_options(TrainConfig, parse(*flags))


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--rank", "x"], "--rank: expected a whole number, found 'x'"),
        (["--sharing", "none"], "--sharing"),
        (["--rnak", "3"], "unknown argument '--rnak' (did you mean --rank?)"),
        (["--ran", "3"], "unknown argument '--ran'"),  # abbreviations would break when flags grow
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    flags: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(*flags)
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert says in message
    assert message.count("\n") == 1
