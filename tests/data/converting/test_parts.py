"""Splits, samples and shuffled files: nothing lost, nothing twice, the same for the same seed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_mlx.config import SampleConfig, ShuffleConfig, SplitConfig
from shadow_mlx.data.converting.origin import is_ours, read_origin
from shadow_mlx.data.converting.parts import divided, sample, shuffle, split
from shadow_mlx.data.reading.checking import check_file
from shadow_mlx.data.reading.splits import overlaps, resolve
from shadow_mlx.errors import ConfigError, InputError
from tests.data.converting.sources import written

LINES = [json.dumps({"text": f"text {i}"}) for i in range(100)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "all.jsonl", "\n".join(LINES))


def raw(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_shuffled_file_has_the_same_lines(file: Path, tmp_path: Path) -> None:
    made = shuffle(file, ShuffleConfig())
    assert made.path == tmp_path / "all-shuffled.jsonl"
    assert made.examples == {"all-shuffled.jsonl": 100}
    first = raw(made.path)
    assert sorted(first) == sorted(LINES)
    assert first != LINES
    assert raw(shuffle(file, ShuffleConfig()).path) == first
    assert raw(shuffle(file, ShuffleConfig(seed=1)).path) != first
    known = read_origin(made.path)
    assert known is not None
    assert (known.action, known.options) == ("shuffle", {"seed": "1"})


def test_a_sample_keeps_the_order_and_grows(file: Path, tmp_path: Path) -> None:
    few, more = (sample(file, SampleConfig(examples=n)).path for n in (10, 30))
    assert few.name == "all-sample-10.jsonl"
    assert len(raw(few)) == 10
    assert set(raw(few)) < set(raw(more)) < set(LINES)
    assert raw(more) == [line for line in LINES if line in raw(more)]
    with pytest.raises(InputError, match=r"--examples 101: .* has 100 examples"):
        sample(file, SampleConfig(examples=101))


def test_a_split_is_a_folder_that_training_takes(file: Path, tmp_path: Path) -> None:
    made = split(file, SplitConfig())
    assert made.path == tmp_path / "all-split"
    assert made.examples == {"train.jsonl": 80, "valid.jsonl": 10, "test.jsonl": 10}
    found = {name: raw(made.path / name) for name in made.examples}
    assert sorted(line for lines in found.values() for line in lines) == sorted(LINES)
    assert all(is_ours(made.path / name) for name in found)
    splits = resolve(made.path)
    assert splits.valid is not None
    assert (len(splits.train), len(splits.valid)) == (80, 10)
    split(file, SplitConfig())
    assert {name: raw(made.path / name) for name in made.examples} == found
    only = split(file, SplitConfig(test_fraction=0.0))  # ours, so that it is written anew
    assert only.examples == {"train.jsonl": 90, "valid.jsonl": 10}
    assert not (made.path / "test.jsonl").exists()


def test_what_is_not_ours_stays(file: Path, tmp_path: Path) -> None:
    made = split(file, SplitConfig()).path
    mine = written(made / "notes.txt", "mine")
    with pytest.raises(InputError, match="is there already"):
        split(file, SplitConfig())
    mine.unlink()
    written(made / "test.jsonl", LINES[0])
    with pytest.raises(InputError, match="is there already"):
        split(file, SplitConfig())
    assert raw(made / "test.jsonl") == LINES[:1]
    written(tmp_path / "mine.jsonl", "mine")
    with pytest.raises(InputError, match="is there already"):
        shuffle(file, ShuffleConfig(output=str(tmp_path / "mine.jsonl")))
    with pytest.raises(InputError, match="is the source itself"):
        shuffle(file, ShuffleConfig(output=str(file)))


def test_only_sound_single_files_are_taken_apart(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is split already"):
        split(split(file, SplitConfig()).path, SplitConfig())
    bad = written(tmp_path / "bad.jsonl", LINES[0] + "\n{}\n")
    with pytest.raises(InputError, match=r"bad\.jsonl:2"):
        sample(bad, SampleConfig(examples=1))
    two = written(tmp_path / "two.jsonl", "\n".join(LINES[:2]))
    with pytest.raises(InputError, match="2 different examples: too few for 3 files"):
        split(two, SplitConfig())
    odd = written(tmp_path / "odd.jsonl", '{"q": "x", "a": "y"}\n{"q": "z", "a": "y"}')
    pairs = {"prompt_feature": "q", "completion_feature": "a"}
    assert shuffle(odd, ShuffleConfig(**pairs)).examples == {"odd-shuffled.jsonl": 2}
    with pytest.raises(ConfigError, match="nothing to split"):
        SplitConfig(valid_fraction=0.0, test_fraction=0.0)
    with pytest.raises(ConfigError, match=r"1\.4 together"):
        SplitConfig(valid_fraction=0.7, test_fraction=0.7)


def test_repeated_examples_never_stand_on_both_sides(tmp_path: Path) -> None:
    file = written(tmp_path / "all.jsonl", "\n".join(LINES[:20] * 5))
    made = split(file, SplitConfig()).path
    names = ("train.jsonl", "valid.jsonl", "test.jsonl")
    reports = [check_file(made / name) for name in names]
    assert [report.records for report in reports] == [80, 10, 10]
    assert overlaps(reports) == []


@given(
    st.lists(st.integers(0, 9), min_size=12, max_size=60),
    st.integers(0, 5),
    st.sampled_from([(0.1, 0.1), (0.3, 0.0), (0.0, 0.2), (0.4, 0.4)]),
)
def test_every_line_has_one_place(
    prints: list[int], seed: int, shares: tuple[float, float]
) -> None:
    options = SplitConfig(seed=seed, valid_fraction=shares[0], test_fraction=shares[1])
    values = np.array(prints, np.uint64)
    if len(set(prints)) < 1 + sum(share > 0 for share in shares):
        with pytest.raises(InputError, match="too few for"):
            divided(values, options)
        return
    parts = divided(values, options)
    lines = np.concatenate(list(parts.values()))
    assert sorted(lines) == [*range(len(prints))]
    for name, chosen in parts.items():
        assert len(chosen)
        assert sorted(chosen) == list(chosen)
        others = np.concatenate([part for other, part in parts.items() if other != name])
        assert not set(values[chosen]) & set(values[others])
    renamed = divided(values * np.uint64(7919) + np.uint64(3), options)  # other prints, same lines
    assert all((renamed[name] == parts[name]).all() for name in parts)
