"""Only what this program wrote is ever replaced or removed, whatever else lies in the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.errors import InputError
from shadow_mlx.files.card_seal import sealed
from shadow_mlx.runs import belongings
from shadow_mlx.runs.events import Noted
from shadow_mlx.runs.folder import EventLog, RunFolder
from shadow_mlx.runs.trash import Trash


def discard(run: RunFolder) -> None:
    """Take a run away, for good."""
    trash = Trash()
    trash.discard(run.path)
    trash.empty()


def safetensors(path: Path, *names: str) -> None:
    mx.save_safetensors(str(path), {name: mx.zeros((2,)) for name in names})


def mlx_lm_lora(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"fine_tune_type": "lora", "rank": 8}')
    for name in ("adapters.safetensors", "0000100_adapters.safetensors"):
        safetensors(folder / name, "layers.0.lora_a")


def peft_lora(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    safetensors(folder / "adapter_model.safetensors", "base_model.lora_A.weight")
    (folder / "README.md").write_text("# LoRA\n")


def peft_shadow(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"peft_type": "SHADOW"}')
    safetensors(folder / "adapter_model.safetensors", "base_model.shadow_down.default.weight")


def weights_alone(folder: Path) -> None:
    safetensors(folder / "adapter_model.safetensors", "base_model.shadow_down.default.weight")


def model(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    safetensors(folder / "model.safetensors", "model.embed_tokens.weight")


def repository(folder: Path) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")


def anothers_run(folder: Path) -> None:
    (folder / "run" / "checkpoints" / "step-000100").mkdir(parents=True)
    (folder / "run" / "checkpoints" / "step-000100" / "weights.pt").write_text("precious")
    (folder / "run" / "config.yaml").write_text("model: resnet\n")
    (folder / "run" / "events.jsonl").write_text('{"event": "click"}\n')


def linked(folder: Path) -> None:
    (folder / "elsewhere").write_text("precious")
    (folder / "adapter_config.json").symlink_to(folder / "elsewhere")


def broken(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{ mine")


def anothers_tokens(folder: Path) -> None:
    (folder / "draft_tokens.json").write_text('{"tokens": ["mine"]}')


OTHERS = {
    mlx_lm_lora: ["adapter_config.json: of a lora adapter of mlx-lm", "adapters.safetensors"],
    peft_lora: ["adapter_config.json: of a LORA adapter of PEFT", "adapter_model.safetensors"],
    peft_shadow: ["adapter_config.json: of a SHADOW adapter of PEFT"],
    weights_alone: ["adapter_model.safetensors"],
    model: ["model.safetensors: of a model"],
    repository: [".git: a git repository"],
    anothers_tokens: ["draft_tokens.json: of another program"],
    anothers_run: ["run/config.yaml", "run/events.jsonl", "run/checkpoints"],
    linked: ["adapter_config.json: a symbolic link"],
    broken: ["adapter_config.json"],
}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def own_run(folder: Path, *, steps: tuple[int, ...] = (3,), original: bool = False) -> RunFolder:
    """As a run leaves it, with contents of the least size."""
    run = RunFolder(folder)
    prefix = "shadow" if original else "adapter"
    weights = f"{prefix}_{'adapter' if original else 'model'}.safetensors"
    for place in (folder, *(run.checkpoint(step) for step in steps)):
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{prefix}_config.json").write_text('{"shadow_mlx": {"format": 1}}')
        safetensors(place / weights, "base_model.shadow_down.default.weight")
        (place / "README.md").write_text(sealed("# A shadow\n"))
        if place != folder:
            (place / "state.json").write_text('{"format": 1, "data_fingerprint": "x"}')
            safetensors(place / "state.safetensors", "weights.a")
    run.config.write_text("{adapter_path: x, aux_weight: 1.0, sharing: depth}")
    log = EventLog(run.events)
    log(Noted(0.0, "info", "hello"))
    log.close()
    return run


@pytest.mark.parametrize("make", OTHERS)
def test_what_others_wrote_is_named_and_kept(tmp_path, make):
    make(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(InputError) as raised:
        belongings.check_free_of_others(RunFolder(tmp_path))
    for words in (*OTHERS[make], "--adapter-path", "--overwrite gives up only what"):
        assert words in str(raised.value)
    discard(RunFolder(tmp_path))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("make", [mlx_lm_lora, peft_lora, linked, broken])
def test_an_adapter_of_another_tool_over_a_run_of_ours_is_found_out(tmp_path, make):
    run = own_run(tmp_path)
    (tmp_path / "adapter_config.json").unlink()
    make(tmp_path)
    with pytest.raises(InputError, match=r"adapter_config\.json"):
        belongings.check_free_of_others(run)


def test_ours_may_be_a_repository_or_lie_beside_other_things(tmp_path):
    run = own_run(tmp_path)
    repository(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    belongings.check_free_of_others(run)


@pytest.mark.parametrize("left", ["config", "events", "checkpoints"])
def test_a_damaged_run_of_ours_is_still_ours(tmp_path, left):
    """Any of its three parts shows whose it is."""
    run = own_run(tmp_path)
    for name in {"config", "events"} - {left}:
        getattr(run, name).write_text("damaged")
    if left != "checkpoints":
        shutil.rmtree(run.checkpoints)
    belongings.check_free_of_others(run)
    discard(run)
    assert not tmp_path.exists()


@pytest.mark.parametrize("original", [False, True])
def test_a_run_is_removed_to_the_last_file(tmp_path, original):
    run = own_run(tmp_path / "adapters", steps=(3, 6), original=original)
    run.requested.write_text("x")
    run.output.write_text("x")
    (run.run / ".lock").write_text("1")
    discard(run)
    assert list(tmp_path.iterdir()) == []


PLACES = ("notes.txt", ".hidden.7.tmp", "run/notes", "run/checkpoints/mine", "README.md.bak")


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sets(st.sampled_from((*PLACES, "run/checkpoints/step-000003/mine", "README.md"))),
    st.booleans(),
)
def test_giving_up_a_run_keeps_every_other_file(tmp_path: Path, places: set[str], everything: bool):
    folder = tmp_path / "adapters"
    shutil.rmtree(folder, ignore_errors=True)
    run = own_run(folder, steps=(3, 6))
    for name in places:
        (folder / name).write_text("mine")
    (discard if everything else belongings.remove_run)(run)
    left = contents(folder) if folder.exists() else {}
    assert {name for name, data in left.items() if data == b"mine"} == places
    kept = {name for name in left if name.startswith("run/checkpoints/step-")}
    if "run/checkpoints/step-000003/mine" in places:  # its folder stays whole
        assert len(kept) == 6
    else:
        assert not kept


def test_a_checkpoint_with_somebodys_file_is_not_given_up(tmp_path):
    run = own_run(tmp_path, steps=(3, 6))
    belongings.check_may_be_cleared(run)
    (run.checkpoint(3) / "why-this-one.txt").write_text("mine")
    with pytest.raises(InputError, match=r"why-this-one\.txt"):
        belongings.check_may_be_cleared(run)
    assert not belongings.remove_checkpoint(run.checkpoint(3))
    assert belongings.remove_checkpoint(run.checkpoint(6))
    assert run.saved_steps() == [3]


@pytest.mark.parametrize("value", ["[]", "1", "null", "[" * 20_000, '{"shadow_mlx": 1}'])
def test_odd_configurations_are_nobodys_of_ours(tmp_path, value):
    (tmp_path / "adapter_config.json").write_text(value)
    with pytest.raises(InputError, match="another program"):
        belongings.check_free_of_others(RunFolder(tmp_path))
    assert json.dumps(value)
