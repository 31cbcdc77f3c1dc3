"""Two processes with a part of the backbone each do what one with all of it does."""

from __future__ import annotations

import json
from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.runs.events import Event, Noted, RunEnded, Sampled, Trained, Validated, from_json
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.training import samples
from tests.parallel.launching import BRIEF, SAMPLED, run, start
from tests.tiny import write_tiny_backbone
from tests.training.conftest import write_chats

TENSOR = ["--parallel", "tensor"]


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chats(tmp_path_factory.mktemp("chats") / "chats.jsonl")


def training(backbone: Path, chats: Path, adapter: Path, **changes: object) -> list[str]:
    options = {
        "--model": backbone,
        "--data": chats,
        "--adapter-path": adapter,
        "--iters": 6,
        "--batch-size": 4,
        "--rank": 4,
        "--schedule": "constant",
        "--warmup": 0,
        "--learning-rate": 1e-3,
        "--shadow-start": "even",
        "--shadow-layers": 1,
        "--steps-per-report": 1,
        "--steps-per-eval": 3,
        "--val-batches": -1,
        "--samples": 1,
        **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
    }
    return ["train", *(str(part) for pair in options.items() for part in pair)]


def events_of(adapter: Path, kind: type[Event]) -> list:
    lines = RunFolder(adapter).events.read_text(encoding="utf-8").splitlines()
    return [event for line in lines if isinstance(event := from_json(line), kind)]


def weights_of(adapter: Path) -> tuple[dict[str, mx.array], dict[str, str]]:
    return mx.load(str(adapter / "adapter_model.safetensors"), return_metadata=True)


def test_training_and_its_adapter_are_those_of_one_process(
    tmp_path, tiny_backbone, chats, monkeypatch
):
    """Interrupted in the middle, and with what needs the whole backbone: copied blocks, sizes."""
    alone, parts = tmp_path / "alone", tmp_path / "parts"
    monkeypatch.setattr(samples, "MAX_TOKENS", SAMPLED)
    assert main(training(tiny_backbone, chats, alone)) == 0
    run(tmp_path, [*training(tiny_backbone, chats, parts, iters=3), *TENSOR], program=BRIEF)
    longer = ["train", "--resume", "--adapter-path", str(parts), "--iters", "6"]
    (_, said), (_, silent) = run(tmp_path, longer, program=BRIEF)
    assert "6/6" in said
    assert silent == ""
    notes = [event.message for event in events_of(parts, Noted)]
    assert "2 processes have a part of the backbone each" in notes
    for kind in (Trained, Validated):
        expected = {event.step: event.losses for event in events_of(alone, kind)}
        found = {event.step: event.losses for event in events_of(parts, kind)}
        assert found.keys() == expected.keys()
        for step, losses in expected.items():
            assert found[step] == pytest.approx(losses, rel=1e-4), step
    tokens = [[event.trained_tokens for event in events_of(one, Trained)] for one in (alone, parts)]
    assert tokens[0] == tokens[1]
    said_by = [
        {event.step: (event.attached, event.detached) for event in events_of(one, Sampled)}
        for one in (alone, parts)
    ]
    assert said_by[0] == said_by[1]
    (expected, head), (found, same_head) = weights_of(alone), weights_of(parts)
    assert found.keys() == expected.keys()
    assert same_head == head
    for name, array in expected.items():
        assert mx.abs(found[name] - array).max() < 1e-2 * mx.abs(array).max() + 1e-5, name
    records = [
        json.loads((one / "adapter_config.json").read_text())["shadow_mlx"]["training"]
        for one in (alone, parts)
    ]
    for name in ("trained_parameters", "backbone_parameters", "step", "supervised_tokens"):
        assert records[0][name] == records[1][name], name


def test_a_shadow_learns_from_a_split_teacher_as_from_a_whole_one(tmp_path, tiny_backbone, chats):
    """The backbone teaches; some of the steps train on what the shadow writes."""
    alone, parts = tmp_path / "alone", tmp_path / "parts"
    more: dict[str, object] = {"iters": 4, "val_batches": 0, "samples": 0, "on_policy": 0.5}
    more |= {"on_policy_temperature": 0, "grad_accumulation_steps": 2, "distill_weight": 1}
    flags = ["--teacher", "base", "--grad-checkpoint"]
    assert main([*training(tiny_backbone, chats, alone, **more), *flags]) == 0
    run(tmp_path, [*training(tiny_backbone, chats, parts, **more), *flags, *TENSOR])
    for one, other in zip(events_of(alone, Trained), events_of(parts, Trained), strict=True):
        assert one.trained_tokens == other.trained_tokens
        assert one.losses == pytest.approx(other.losses, rel=1e-3, nan_ok=True)


def test_who_is_left_says_so_and_has_saved(tmp_path, tiny_backbone, chats):
    adapter = tmp_path / "run"
    endless = training(tiny_backbone, chats, adapter, iters=5000, val_batches=0, samples=0)
    first, other = start(tmp_path, [*endless, *TENSOR])
    assert first.stderr is not None
    next(line for line in first.stderr if line.startswith("step 3/"))
    other.kill()
    said = first.communicate(timeout=60)[1]
    other.communicate()
    assert first.returncode == 3, said
    assert "Traceback" not in said
    assert said.count("another process of this run went away") == 1
    (step,) = RunFolder(adapter).saved_steps()
    assert [event.step for event in events_of(adapter, RunEnded)] == [step]


def test_a_conversation_is_that_of_one_process(tmp_path, tiny_adapter):
    """Attached, drafted, detached and base; what one of them says is what all of them remember."""
    flags = ["chat", "--adapter-path", str(tiny_adapter), "--max-tokens", "12"]
    typed = "say a\n/compare\nand again\n/system be brief\n/detached\nsay b\n/exit\n"
    ((expected, _),) = run(tmp_path, flags, 1, typed=typed)
    (found, said), silent = run(tmp_path, [*flags, *TENSOR], typed=typed)
    assert found == expected
    assert "attached: " in said
    assert silent == ("", "")


def test_a_sampled_answer_is_that_of_one_process(tmp_path, tiny_adapter, capsys):
    flags = ["generate", "--adapter-path", str(tiny_adapter), "--max-tokens", "16", "-p", "say a"]
    flags += ["--json", "--temp", "0.8", "--seed", "3", "--no-draft"]
    assert main(flags) == 0
    expected = json.loads(capsys.readouterr().out)
    (found, _), silent = run(tmp_path, [*flags, *TENSOR])
    told = json.loads(found)
    assert told["text"] == expected["text"]
    assert told["memory_bytes"] < expected["memory_bytes"]
    assert silent == ("", "")


def test_a_comparison_is_that_of_one_process(tmp_path, tiny_adapter, chats, capsys):
    flags = ["compare", "--adapter-path", str(tiny_adapter), "--data", str(chats), "--limit", "3"]
    flags += ["--json", "--max-tokens", "6"]
    assert main(flags) == 0
    expected = json.loads(capsys.readouterr().out)
    report = tmp_path / "report.html"
    (found, _), silent = run(tmp_path, [*flags, "--report", str(report), *TENSOR])
    told = json.loads(found)
    assert silent == ("", "")
    assert report.is_file()
    assert len(told["results"]) == len(expected["results"]) == 3
    assert [one["answers"] for one in told["examples"]] == [
        one["answers"] for one in expected["examples"]
    ]
    for one, other in zip(told["results"], expected["results"], strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert one["parameters"] == other["parameters"]


@pytest.mark.parametrize("flags", [[], TENSOR])
def test_what_cannot_be_done_together_is_refused(tmp_path, chats, flags):
    """Answering without a split; heads that do not go evenly."""
    backbone = write_tiny_backbone(
        tmp_path / "three", num_attention_heads=3, num_key_value_heads=3, head_dim=8
    )
    asked = ["generate", "--base", "--model", str(backbone), "-p", "x", *flags]
    processes = start(tmp_path, asked)
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [2, 2], outputs
    for written, said in outputs:
        assert written == ""
        assert "Traceback" not in said
    reason = "3 attention heads cannot be dealt out evenly to 2 machines; take 3 of them"
    assert (reason if flags else "2 processes were started, and one is enough") in outputs[0][1]
