"""An options file is read, or refused in one message with its place; nothing hangs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_mlx.cli.options import config_file_options
from shadow_mlx.config import ColumnConfig, TrainConfig
from shadow_mlx.config.yaml_file import LARGEST, read_yaml, to_yaml
from shadow_mlx.errors import ConfigError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("yaml") / "run.yaml"


def refusal(path: Path, data: str | bytes) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    return str(caught.value).removeprefix(f"{path}: ")


def values(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    return read_yaml(path)


@pytest.mark.parametrize(
    "text", ["", "\n", "# all by default\n", "---\n", "---\n...\n", "~", "\ufeff"]
)
def test_an_empty_file_names_no_option(path: Path, text: str) -> None:
    assert values(path, text) == {}


def test_values_are_what_they_look_like(path: Path) -> None:
    text = "rank: 8\nlearning-rate: 1.0e-3\nshuffle: no\nwarmup: ~\nmodel: 'on'\nseed: 0x1F\n"
    text += "alpha: -1_000\n"
    assert values(path, text) == {
        "rank": 8, "learning_rate": 1e-3, "shuffle": False, "warmup": None, "model": "on",
        "seed": 31, "alpha": -1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["2001-01-01", "2001-12-14 21:59:43.10", "1:30", "190:20:30.15", "010"]
)
def test_dates_and_times_of_day_stay_text(path: Path, text: str) -> None:
    assert values(path, f"iters: {text}") == {"iters": text}


BOMB = "a: &a lol\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghijkl", "bcdefghijklm", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- rank\n", "line 1: expected 'option: value' lines, found a list"),
        ("rank", "line 1: expected 'option: value' lines, found a string"),
        ("a: 1\n\nrank: [1, [2]]\n", "line 3: 'rank': expected one value, found a list"),
        ("a:\n  b: 1\n", "line 2: 'a': expected one value, found a mapping"),
        ("a: &x 1\nb: *x\n", "line 2: 'b': expected one value, found an alias"),
        (BOMB, "line 2: 'b': expected one value, found an alias"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is given twice"),
        ("batch-size: 1\nbatch_size: 1\n", "line 2: 'batch_size' is given twice"),
        ("a: !!python/object/apply:os.system [id]\n", "line 1: 'a': the tag '"),
        ("a: !!python/name:os.system x\n", "line 1: 'a': the tag '"),
        ("a: !!timestamp 2001-01-01\n", "line 1: 'a': the tag '"),
        ("a: !!binary aGk=\n", "line 1: 'a': the tag '"),
        ("? [a]\n: 1\n", "line 1: expected the name of an option, found a list"),
        ("? {a: 1}\n: 1\n", "line 1: expected the name of an option, found a mapping"),
        ("<<: {rank: 3}\n", "line 1: '<<': expected one value, found a mapping"),
        ("a: 1\n---\nb: 1\n", "line 2: a second document begins"),
        ("a: 1\n\tb: 2\n", "line 2: not valid YAML: "),
        ("a: *nobody\n", "line 1: 'a': expected one value, found an alias"),
        ("a: 1\nb: [1\n", "line 3: not valid YAML: "),
        ("a: 1\nb: 'c\n", "not valid YAML: "),
        ("a: 1\nb: \x00\n", r"line 2: not valid YAML: holds '\x00'"),
        ("a: \x1b[31m\n", r"line 1: not valid YAML: holds '\x1b'"),
        (b"a: 1\nb: \xff\n", "line 2: cannot be read as text (UTF-8)"),
        ("a: 1\n".encode("utf-16"), "line 1: cannot be read as text (UTF-8)"),
        (b"#" * (LARGEST + 1), "larger than 1,048,576 bytes"),
    ],
)  # fmt: skip
def test_what_no_options_file_has_is_refused_with_its_line(
    path: Path, text: str | bytes, says: str
) -> None:
    said = refusal(path, text)
    assert said.startswith(says) or ("not valid YAML" in says and says in said)
    assert len(said) < 1500


@pytest.mark.parametrize(
    "text",
    ["[" * 500_000, "a: " + "{a: " * 200_000, "- " * 400_000, "a: " + "? " * 9999, "? " * 400_000],
    ids=["lists", "mappings", "block", "keys", "block keys"],
)  # fmt: skip
def test_depth_takes_no_time_and_no_stack(path: Path, text: str) -> None:
    started = time.process_time()
    assert refusal(path, text)
    assert time.process_time() - started < 5


def test_all_lines_that_are_wrong_are_named_at_once(path: Path) -> None:
    said = refusal(path, "a: [[1]]\nb: {c: 1}\na: 2\n").splitlines()
    assert [line.split("line ")[1][0] for line in said] == ["1", "2", "3"]
    assert len(refusal(path, "".join(f"a{i}: [[]]\n" for i in range(10_000))).splitlines()) == 20


def test_a_list_of_values_is_read_and_written(path: Path) -> None:
    values = {"modes": ["base", "no", "1"], "limit": 3, "none": []}
    path.write_text(to_yaml({**values, "modes": tuple(values["modes"])}))
    assert read_yaml(path) == values


def test_what_is_no_file_is_refused(path: Path) -> None:
    fifo = path.parent / "fifo"
    os.mkfifo(fifo)
    for name, says in (
        (path.parent, "not a regular file"),
        (fifo, "not a regular file"),
        (path.parent / "none.yaml", "no such file"),
        (path.parent / ("x" * 300), "cannot be read"),
        (Path("a\0b"), "no file can have this name"),
    ):
        with pytest.raises(ConfigError, match=says):
            read_yaml(name)


def test_numbers_of_thousands_of_digits_are_refused_by_their_option(path: Path) -> None:
    for number in ("9" * 400, "9" * 5000, "1" + "0" * 400_000, f"0x{'f' * 300}", "1.0e+999"):
        path.write_text(f"rank: {number}\nalpha: {number}\n")
        with pytest.raises(ConfigError) as caught:
            config_file_options(TrainConfig, path)
        assert "rank: " in str(caught.value)
        assert len(str(caught.value)) < 600


@settings(max_examples=150)
@given(
    texts=st.lists(
        st.text() | st.sampled_from(["1e3", "~", "on", "1:30", "0b1", ".inf", "\x85", "\u2028"]),
        max_size=3,
    )
)
def test_what_is_written_is_read(path: Path, texts: list[str]) -> None:
    """As ``run/config.yaml`` is."""
    names = ("project_name", "text_feature", "report_to")
    config = TrainConfig(**dict(zip(names, texts, strict=False)))
    path.write_bytes(to_yaml(config.to_mapping()).encode())
    assert TrainConfig.from_mapping(read_yaml(path)) == config


SAVED = yaml.safe_dump(TrainConfig(model="sprout", data="d.jsonl").to_mapping(), sort_keys=False)


@settings(max_examples=400)
@given(
    place=st.integers(0, len(SAVED)),
    length=st.integers(0, 30),
    put=st.binary(max_size=6)
    | st.sampled_from(
        [b"[", b"{", b"*a", b"&a ", b"!!int ", b"\t", b"? ", b": ", b"---\n", b"|\n", b"'"]
    ),
)
def test_a_damaged_file_is_read_or_refused_in_a_message(
    path: Path, place: int, length: int, put: bytes
) -> None:
    path.write_bytes(SAVED[:place].encode() + put + SAVED[place + length :].encode())
    try:
        TrainConfig.from_mapping(read_yaml(path), where=str(path))
    except ConfigError as error:
        said = str(error)
    else:
        return
    assert all(str(path) in line for line in said.splitlines())


def test_a_wrong_value_in_the_file_counts_even_where_a_flag_replaces_it(path: Path) -> None:
    path.write_text("prompt_feature: 3\ntext_featur: x\n")
    with pytest.raises(ConfigError) as caught:
        config_file_options(ColumnConfig, path)
    assert str(caught.value).splitlines() == [
        f"--config {path}: prompt_feature: expected text, found 3",
        f"--config {path}: unknown option 'text_featur' (did you mean 'text_feature'?)",
    ]
