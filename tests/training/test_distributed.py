"""Two processes on one machine, over MLX's ring backend, as ``mlx.launch -n 2`` starts them."""

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.runs.events import Event, Noted, RunEnded, Sampled, Trained, Validated, from_json
from shadow_mlx.runs.folder import RunFolder
from tests.parallel import launching

IMPATIENT = """
import sys
from shadow_mlx.parallel import peers
from shadow_mlx.cli.main import main
peers.PATIENCE, peers._SLOWER = 0.3, 1.0
sys.exit(main())
"""


def start(
    folder: Path, flags: list[str], world: int, program: tuple[str, ...] = launching.PROGRAM
) -> list[subprocess.Popen[str]]:
    return launching.start(folder, ["train", *flags], world, program)


def run(folder: Path, flags: list[str], world: int) -> list[str]:
    outputs = launching.run(folder, ["train", *flags], world, program=launching.BRIEF)
    return [said for _, said in outputs]


def events_of(adapter: Path, kind: type[Event]) -> list:
    lines = RunFolder(adapter).events.read_text(encoding="utf-8").splitlines()
    return [event for line in lines if isinstance(event := from_json(line), kind)]


def flags_for(tiny_backbone: Path, chats: Path, adapter: Path) -> list[str]:
    options = {
        "--model": tiny_backbone,
        "--data": chats,
        "--adapter-path": adapter,
        "--epochs": 1,
        "--batch-size": 4,
        "--rank": 4,
        "--grad-accumulation-steps": 2,
        "--steps-per-report": 1,
        "--steps-per-eval": 3,
        "--val-batches": -1,
        "--samples": 0,
    }
    return [str(part) for pair in options.items() for part in pair]


@pytest.mark.parametrize("flags", [(), ("--packing",)], ids=["rows", "packed"])
def test_two_processes_train_as_one(tmp_path, tiny_backbone, chats, flags):
    """43 examples in batches of 4: the last batch is short, and one process has less of it."""
    alone, together = tmp_path / "alone", tmp_path / "together"
    run(tmp_path, [*flags_for(tiny_backbone, chats, alone), *flags], 1)
    answering = [*flags_for(tiny_backbone, chats, together), "--samples", "1", *flags]
    outputs = run(tmp_path, answering, 2)
    notes = [event.message for event in events_of(together, Noted)]
    assert "2 processes share each batch" in notes
    assert "done" in outputs[0]
    assert outputs[1] == ""  # one process speaks
    expected, found = events_of(alone, Trained), events_of(together, Trained)
    assert len(found) == len(expected) == 6
    for one, other in zip(found, expected, strict=True):
        assert one.trained_tokens == other.trained_tokens
        assert one.losses == pytest.approx(other.losses, rel=1e-4)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-3)
    assert {event.step for event in events_of(together, Sampled)} == {0, 3, 6}
    validations = zip(events_of(together, Validated), events_of(alone, Validated), strict=True)
    for one, other in validations:
        assert one.tokens == other.tokens
        assert one.losses == pytest.approx(other.losses, rel=1e-4)


def test_two_processes_write_as_one(tmp_path, tiny_backbone, chats):
    """At temperature 0, where no process draws. Two likeliest tokens that are as good as equal
    could part the runs: in well under a hundredth of all random backbones.
    """
    found = []
    for world in (1, 2):
        flags = flags_for(tiny_backbone, chats, tmp_path / str(world))
        own = ["--distill-weight", "1", "--on-policy", "0.5", "--on-policy-temperature", "0"]
        run(tmp_path, [*flags, *own], world)
        found.append(events_of(tmp_path / str(world), Trained))
    assert {math.isnan(event.losses["on_policy_loss"]) for event in found[0]} == {False, True}
    for one, other in zip(*found, strict=True):
        assert one.trained_tokens == other.trained_tokens
        assert one.losses == pytest.approx(other.losses, rel=1e-3, nan_ok=True)


def endless(tiny_backbone: Path, chats: Path, adapter: Path) -> list[str]:
    """A run that neither ends nor saves by itself, whose rate is that of a run of any length."""
    flags = flags_for(tiny_backbone, chats, adapter)
    flags[flags.index("--epochs") + 1] = "2000"
    flags[flags.index("--val-batches") + 1] = "0"
    steady = ["--schedule", "constant", "--warmup", "0", "--learning-rate", "1e-3"]
    return [*flags, "--save-every", "100000", *steady]


def wait_for_step(process: subprocess.Popen[str], step: int) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"step {step}/"):
            return


def test_a_signal_to_one_process_stops_all_of_them(tmp_path, tiny_backbone, chats):
    adapter = tmp_path / "run"
    processes = start(tmp_path, endless(tiny_backbone, chats, adapter), 2)
    wait_for_step(processes[0], 4)
    processes[1].send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [130, 130], outputs
    (step,) = RunFolder(adapter).saved_steps()
    assert events_of(adapter, RunEnded)[0].step == step
    assert f"stopped after step {step} " in outputs[0]
    assert f"stopped after step {step} " in outputs[1]


@pytest.mark.parametrize("killed", [0, 1])
def test_who_is_left_saves_what_was_done_and_says_so(tmp_path, tiny_backbone, chats, killed):
    """Killed at the first process too: the other then writes in its place."""
    adapter, whole = tmp_path / "run", tmp_path / "whole"
    processes = start(tmp_path, endless(tiny_backbone, chats, adapter), 2)
    wait_for_step(processes[0], 4)
    processes[killed].kill()
    said = processes[1 - killed].communicate(timeout=60)[1]
    processes[killed].communicate()
    assert processes[1 - killed].returncode == 3, said
    assert "Traceback" not in said
    (step,) = RunFolder(adapter).saved_steps()
    assert step >= 4
    assert "shadow-mlx: another process of this run went away" in said
    assert f"The checkpoint of step {step} is kept; --resume continues" in said
    ended = events_of(adapter, RunEnded)
    assert [(event.reason, event.step) for event in ended] == [("failed", step)]
    flags = endless(tiny_backbone, chats, whole)  # goes on alone, to the same losses
    flags[flags.index("--epochs") : flags.index("--epochs") + 2] = ["--iters", str(step + 3)]
    assert main(["train", *flags]) == 0
    longer = ["--adapter-path", str(adapter), "--iters", str(step + 3)]
    assert main(["train", "--resume", *longer]) == 0
    losses = [
        {event.step: event.loss for event in events_of(folder, Trained)}
        for folder in (whole, adapter)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_who_waits_for_a_stopped_process_says_so(tmp_path, tiny_backbone, chats):
    """The one that is silent otherwise, since the stopped one cannot speak."""
    stopped = 0
    flags = endless(tiny_backbone, chats, tmp_path / "run")
    processes = start(tmp_path, flags, 2, ("-c", IMPATIENT))
    wait_for_step(processes[0], 20)
    processes[stopped].send_signal(signal.SIGSTOP)
    waiting = processes[1 - stopped]
    assert waiting.stderr is not None
    for line in waiting.stderr:
        if "waiting for the other processes since" in line:
            break
    else:
        pytest.fail("it ended in silence")
    processes[stopped].send_signal(signal.SIGCONT)
    waiting.send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [130, 130], outputs


def test_who_waits_for_a_process_that_never_starts_says_so(tmp_path, tiny_backbone, chats):
    flags = endless(tiny_backbone, chats, tmp_path / "run")
    hosts = tmp_path / "hosts.json"
    hosts.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in launching.free_ports(2)]))
    with subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "train", *flags],
        env=os.environ | {"MLX_RANK": "0", "MLX_HOSTFILE": str(hosts)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "process 0: waiting for the other processes" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
    assert not (tmp_path / "run").exists()
