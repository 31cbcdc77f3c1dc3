import dataclasses

import pytest

from shadow_mlx.config import TrainConfig
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training import starting


def test_the_configuration_survives_its_file(tmp_path):
    config = TrainConfig(model="sprout", data="ü.jsonl", learning_rate=1e-5, iters=7, dropout=0.1)
    folder = RunFolder(tmp_path)
    starting.save_config(folder, config)
    assert starting.load_config(folder) == config


def test_local_paths_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").touch()
    (tmp_path / "model").mkdir()
    config = TrainConfig(data="data.jsonl", adapter_path="out", shadow="org/shadow")
    effective = starting.with_absolute_paths(config, "./model")
    assert effective.data == str(tmp_path / "data.jsonl")
    assert effective.model == str(tmp_path / "model")
    assert effective.adapter_path == str(tmp_path / "out")
    assert effective.shadow == "org/shadow"
    for name in ("sprout", "mlx-community/Qwen3-0.6B-4bit"):
        assert starting.with_absolute_paths(config, name).model == name


def test_the_bundled_name_is_not_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sprout").mkdir()
    assert starting.with_absolute_paths(TrainConfig(data="d"), "sprout").model == "sprout"


@pytest.mark.parametrize("name", sorted(starting.MAY_CHANGE))
def test_what_may_change_is_an_option(name):
    assert name in {f.name for f in dataclasses.fields(TrainConfig)}


def test_every_contradiction_is_named(tmp_path):
    saved = TrainConfig(data="d", rank=4, seed=1, iters=10)
    starting.check_resumable(dataclasses.replace(saved, iters=20, save_every=7), saved)
    with pytest.raises(ConfigError) as raised:
        starting.check_resumable(dataclasses.replace(saved, rank=8, seed=2), saved)
    assert "--rank: the run has 4, given is 8" in str(raised.value)
    assert "--seed: the run has 1, given is 2" in str(raised.value)


@pytest.mark.parametrize("text", ["a: [", "just words", "\xff\xfe"])
def test_a_broken_configuration_is_refused(tmp_path, text):
    folder = RunFolder(tmp_path)
    folder.run.mkdir()
    folder.config.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        starting.load_config(folder)


def test_a_folder_with_other_things_in_it_is_free(tmp_path):
    (tmp_path / "notes.txt").touch()
    starting.check_unoccupied(RunFolder(tmp_path))
    starting.check_unoccupied(RunFolder(tmp_path / "missing"))


def test_an_adapter_without_a_run_occupies(tmp_path):
    (tmp_path / "adapter_model.safetensors").touch()
    with pytest.raises(InputError, match="a trained adapter: start over with --overwrite"):
        starting.check_unoccupied(RunFolder(tmp_path))
