"""Paths mean the same whichever way they come, and what is none is told before anything is done."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from shadow_mlx.cli.commands import compare, data, info
from shadow_mlx.cli.main import main
from shadow_mlx.cli.options import Parser, add_config_file, add_options, build_options
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.option import flag_name, option_info
from shadow_mlx.config.paths import home_expanded, local_path
from shadow_mlx.errors import ConfigError, InputError

PATHS = [one for one in dataclasses.fields(TrainConfig) if option_info(one).kind == "path"]
NONE_ON_ANY_DISK = {
    "": "is empty",
    "  ": "is empty",
    "a\0b": "holds a NUL",
    "x" * 300: "longer than",
    "x/" * 3000: "longer than",
    "~nobody-of-that-name/x": "there is no user 'nobody-of-that-name'",
    "\ud800": "not UTF-8 text",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_paths_among_the_options_are_known() -> None:
    assert {one.name for one in PATHS} == {
        "shadow", "model", "data", "adapter_path", "init_adapter", "teacher",
    }  # fmt: skip


@pytest.mark.parametrize("one", PATHS, ids=lambda one: one.name)
def test_an_option_means_the_same_in_python_in_a_file_and_as_a_flag(
    one: dataclasses.Field[str], home: Path
) -> None:
    expected = str(home / "a" / "b")
    (home / "run.yaml").write_text(f"{one.name}: ~/a/b\n")
    parser = Parser()
    add_config_file(parser)
    add_options(parser, TrainConfig)
    for built in (
        TrainConfig(**{one.name: "~/a/b"}),  # type: ignore[arg-type]
        TrainConfig(**{one.name: Path("~/a/b")}),  # type: ignore[arg-type]
        TrainConfig.from_mapping({one.name: "~/a/b"}),
        build_options(TrainConfig, parser.parse_args([flag_name(one), "~/a/b"])),
        build_options(TrainConfig, parser.parse_args(["-c", "~/run.yaml"])),
    ):
        assert getattr(built, one.name) == expected


@pytest.mark.parametrize("one", PATHS, ids=lambda one: one.name)
@pytest.mark.parametrize("path", NONE_ON_ANY_DISK)
def test_what_is_no_path_is_refused(one: dataclasses.Field[str], path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**{one.name: path})  # type: ignore[arg-type]
    said = str(caught.value)
    assert said.startswith(f"{flag_name(one)}: ")
    assert NONE_ON_ANY_DISK[path] in said
    assert len(said) < 300
    with pytest.raises(ConfigError, match="f: "):
        TrainConfig.checked({one.name: path}, where="f")


@pytest.mark.parametrize(
    "name",
    ["sprout", "mirror", "mlx-community/Qwen3-0.6B-4bit",
     "a/b/", "./a", ".", "..", "/", "a~b", "a/~b"],
)  # fmt: skip
def test_names_and_plain_paths_stay_as_they_are(name: str) -> None:
    assert local_path(name) == name


def test_a_file_may_begin_with_a_tilde(home: Path) -> None:
    for written in ("./~notes", "~notes"):
        (home / "~notes").touch()
        found = local_path(written)
        assert Path(found).expanduser().samefile(home / "~notes")
    with pytest.raises(InputError, match=r"is written \./~other"):
        local_path("~other", "/save")
    assert local_path("./~other") == str(home / "~other")


def test_without_a_home_one_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "expanduser", nowhere)
    with pytest.raises(InputError, match=r"--data: '~/x': there is no home folder"):
        local_path("~/x", "--data")
    assert home_expanded("~/x") == Path("~/x")


FLAGS: list[tuple[Callable[[argparse.ArgumentParser], None], list[str], str]] = [
    (compare.add_arguments, ["--report"], "report"),
    (data.add_arguments, ["check"], "data"),
    (data.add_arguments, ["show"], "data"),
    (info.add_arguments, [], "adapter"),
    (add_config_file, ["-c"], "config"),
]


@pytest.mark.parametrize(("add", "before", "name"), FLAGS)
def test_flags_beside_the_options_follow_the_same_rule(
    add: Callable[[argparse.ArgumentParser], None],
    before: list[str],
    name: str,
    home: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = Parser(prog="p")
    add(parser)
    found = getattr(parser.parse_args([*before, "~/x"]), name)
    assert [str(one) for one in (found if isinstance(found, list) else [found])] == [
        str(home / "x")
    ]
    for path, says in NONE_ON_ANY_DISK.items():
        with pytest.raises(SystemExit) as caught:
            parser.parse_args([*before, path])
        assert caught.value.code == 2
        assert says in capsys.readouterr().err


def test_the_model_that_the_environment_names_is_a_path_too(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "d.jsonl").write_text('{"text": "a"}\n')
    monkeypatch.setenv("SHADOW_MLX_MODEL", "~nobody-of-that-name/m")
    assert main(["data", "check", "d.jsonl"]) == 2
    assert "~nobody-of-that-name/m: no such folder" in capsys.readouterr().err
