"""What lies in the folder of a run is safe: from other runs, from other tools' and from ours."""

import os
import shutil
from pathlib import Path

import pytest

from shadow_mlx.errors import ConfigError, InputError, SurroundingsError
from shadow_mlx.jobs import train
from shadow_mlx.runs.events import Noted
from shadow_mlx.runs.folder import RunFolder
from tests.training.conftest import Heard, adapter_bytes


def test_a_trained_adapter_is_never_lost_unasked(make_config):
    summary = train(make_config())
    before = adapter_bytes(summary.adapter_path)
    with pytest.raises(InputError, match="already holds a run saved at step 8") as raised:
        train(make_config())
    assert "--resume" in str(raised.value)
    assert "--overwrite" in str(raised.value)
    with pytest.raises(InputError):
        train(make_config(model="no/such-folder/at-all"), overwrite=True)
    assert adapter_bytes(summary.adapter_path) == before
    assert RunFolder(summary.adapter_path).saved_steps()
    train(make_config(seed=1), overwrite=True)
    assert adapter_bytes(summary.adapter_path) != before


def test_a_folder_is_locked_while_a_run_writes_it(make_config):
    config = make_config()
    refused: list[str] = []

    def meddle() -> None:
        with pytest.raises(SurroundingsError) as raised:
            train(config, resume=True)
        refused.append(str(raised.value))

    train(config, Heard(1, meddle))
    assert f"process {os.getpid()}" in refused[0]


def test_who_starts_slowly_does_not_replace_a_run_that_ended_meanwhile(make_config, monkeypatch):
    """It looked before the other one took the lock, and comes to its turn when that has ended."""
    other = train(make_config(adapter_path=make_config().adapter_path + "-other"))
    config = make_config()
    lock = RunFolder.lock

    def late(self):
        if not self.path.exists():
            shutil.copytree(other.adapter_path, self.path)
        return lock(self)

    monkeypatch.setattr(RunFolder, "lock", late)
    with pytest.raises(InputError, match="already holds a run saved at step 8"):
        train(config)
    assert adapter_bytes(Path(config.adapter_path)) == adapter_bytes(other.adapter_path)


def test_a_refused_or_failed_start_leaves_no_trace(make_config, tmp_path):
    for changes in ({"data": "no/such.jsonl"}, {"model": "./no-model"}):
        with pytest.raises(InputError):
            train(make_config(**changes))
        assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="--data"):
        train(make_config(data=None))
    with pytest.raises(ConfigError):
        train(make_config(), resume=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{}, {"resume": True}, {"overwrite": True}])
def test_what_another_tool_left_is_never_replaced(make_config, tmp_path, changes):
    folder = tmp_path / "run"
    if changes:
        train(make_config(iters=2))
    folder.mkdir(exist_ok=True)
    (folder / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')
    (folder / "adapters.safetensors").write_bytes(b"precious")

    def files() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}

    before = files()
    with pytest.raises(InputError, match=r"adapter_config\.json: of a lora adapter of mlx-lm"):
        train(make_config(), **changes)
    assert files() == before


def test_a_persons_readme_and_files_stay_through_every_kind_of_run(make_config, tmp_path, heard):
    mine = {"README.md": "# My robot\n", "notes.txt": "mine", ".draft.7.tmp": "mine"}
    (tmp_path / "run").mkdir()
    for name, text in mine.items():
        (tmp_path / "run" / name).write_text(text)
    train(make_config(iters=2), heard)
    train(make_config(iters=4), resume=True)
    train(make_config(iters=2), overwrite=True)
    assert {name: (tmp_path / "run" / name).read_text() for name in mine} == mine
    assert any("README.md is yours and stays" in e.message for e in heard.of(Noted))


def test_a_model_card_is_renewed_until_somebody_changes_it(make_config, tmp_path):
    card = tmp_path / "run" / "README.md"
    train(make_config(iters=2, val_batches=0))
    first = card.read_text(encoding="utf-8")
    train(make_config(iters=4, val_batches=0), resume=True)
    assert card.read_text(encoding="utf-8") != first
    changed = card.read_text(encoding="utf-8") + "\nMy notes.\n"
    card.write_text(changed, encoding="utf-8")
    train(make_config(iters=6, val_batches=0), resume=True)
    train(make_config(iters=2, val_batches=0), overwrite=True)
    assert card.read_text(encoding="utf-8") == changed
