"""A run that was stopped and goes on is the same run; what is another one is refused."""

import pytest

from shadow_mlx.errors import ConfigError
from shadow_mlx.jobs import train
from shadow_mlx.runs.events import RunEnded, Trained
from tests.tiny import write_tiny_backbone
from tests.training.conftest import Parted, adapter_bytes, write_chats

CASES = {
    "dropout": {"dropout": 0.3, "samples": 1},
    "accumulation": {
        "grad_accumulation_steps": 3, "epochs": 0.6, "iters": None, "batch_size": 2,
    },
    "reports": {"steps_per_report": 3, "optimizer": "muon", "sharing": "layer"},
    "no loss of the shadow": {"steps_per_report": 3, "aux_weight": 0.0},
    "a stop during validation": {"steps_per_eval": 3},
    "narrow mirror": {"shadow_hidden_size": 16, "shadow_heads": 2, "shadow_kv_heads": 2},
    "explicit": {"shadow": "a folder"},
    "packing": {"packing": True, "grad_accumulation_steps": 2, "dropout": 0.3},
}  # fmt: skip


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
@pytest.mark.usefixtures("short_answers")
def test_a_resumed_run_is_the_same_run_to_the_last_bit(make_config, heard, tmp_path, changes):
    if "shadow" in changes:
        small = write_tiny_backbone(tmp_path / "small", num_hidden_layers=1)
        changes = {"shadow": str(small)}
    config = make_config(**changes)
    whole = train(config, heard)
    at = 6 if config.steps_per_report == 3 else 3
    parted = Parted(config, tmp_path / "parted", at)
    assert (parted.first.reason, parted.first.step in (at, at + 1)) == ("stopped", True)
    assert parted.before.of(RunEnded)[0].reason == "stopped"
    parted.must_equal(whole, heard)
    if config.steps_per_eval == at:  # what was cut short is the first thing a resumed run does
        assert sorted(parted.before.validations) == [0]
        assert sorted(parted.after.validations) == [3, 6, 8]


def test_resuming_a_finished_run_changes_nothing_and_can_make_it_longer(make_config, heard):
    summary = train(make_config())
    before = adapter_bytes(summary.adapter_path)
    assert train(make_config(), heard, resume=True).reason == "done"
    assert heard.of(Trained) == []
    assert adapter_bytes(summary.adapter_path) == before
    assert train(make_config(iters=12), heard, resume=True).step == 12
    assert sorted(heard.losses) == [9, 10, 11, 12]


def test_resume_refuses_what_makes_it_another_run(make_config, tmp_path):
    with pytest.raises(ConfigError, match="no run in"):
        train(make_config(), resume=True)
    data = write_chats(tmp_path / "own.jsonl", 20)
    train(make_config(data=str(data)))
    with pytest.raises(ConfigError) as raised:
        train(make_config(data=str(data), rank=8, seed=5, steps_per_report=2), resume=True)
    assert "--rank: the run has 4, given is 8" in str(raised.value)
    assert "--seed" in str(raised.value)
    assert "--steps-per-report" not in str(raised.value)
    write_chats(data, 20, seed=1)
    with pytest.raises(ConfigError, match="data are not those of the run"):
        train(make_config(data=str(data)), resume=True)
