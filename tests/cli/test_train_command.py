"""``shadow-mlx train`` as a person runs it: exit codes, messages, streams."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from mlx_lm.utils import load_model

from shadow_mlx import macos
from shadow_mlx.checkpoints.peft import save_adapter
from shadow_mlx.cli.main import main
from shadow_mlx.config import ShadowConfig
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.shadow.attached import attach
from tests.training.conftest import write_chats

Flags = Callable[..., list[str]]


@pytest.fixture
def flags(tiny_backbone: Path, tmp_path: Path) -> Flags:
    """``train`` and the flags of a small run into ``tmp_path/run``; keywords change them."""
    data = write_chats(tmp_path / "chats.jsonl", 24)

    def make(**changes: object) -> list[str]:
        options: dict[str, object] = {
            "model": tiny_backbone,
            "data": data,
            "adapter_path": tmp_path / "run",
            "iters": 4,
            "batch_size": 4,
            "rank": 4,
            "steps_per_report": 1,
            "val_batches": 1,
            "save_every": 2,
            "samples": 0,  # which take longer than all else of such a run
        }
        chosen = {name: value for name, value in (options | changes).items() if value is not None}
        return [
            "train",
            *(f"--{name.replace('_', '-')}={value}" for name, value in chosen.items()),
        ]

    return make


def test_progress_goes_to_stderr_and_figures_to_stdout(flags, capsys, tmp_path):
    assert main([*flags(), "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert (figures["reason"], figures["step"]) == ("done", 4)
    assert figures["adapter_path"] == str(tmp_path / "run")
    assert "step 4/4: loss" in captured.err
    assert f"shadow-mlx chat --adapter-path {tmp_path / 'run'}" in captured.err


def test_a_run_goes_on_from_its_own_options(flags, capsys, tmp_path):
    assert main(flags()) == 0
    assert main(["train", "--resume", "--adapter-path", str(tmp_path / "run"), "--iters", "6"]) == 0
    assert "2 more" not in capsys.readouterr().out
    assert RunFolder(tmp_path / "run").saved_steps()[-1] == 6


def test_epochs_may_replace_iterations_on_resume(flags, tmp_path):
    assert main(flags()) == 0
    resume = ["train", "--resume", f"--adapter-path={tmp_path / 'run'}"]
    assert main([*resume, "--epochs=1.2"]) == 0
    saved = yaml.safe_load((tmp_path / "run" / "run" / "config.yaml").read_text(encoding="utf-8"))
    assert (saved["iters"], saved["epochs"]) == (None, 1.2)


def test_the_saved_config_reproduces_the_run(flags, tmp_path):
    assert main(flags(dropout=0.2)) == 0
    config = tmp_path / "run" / "run" / "config.yaml"
    again = tmp_path / "again"
    assert main(["train", "-c", str(config), "--adapter-path", str(again)]) == 0
    names = [folder / "adapter_model.safetensors" for folder in (tmp_path / "run", again)]
    assert names[0].read_bytes() == names[1].read_bytes()


def test_an_adapter_to_start_from_brings_its_shape(flags, tmp_path, capsys):
    assert main(flags(rank=6, sharing="layer")) == 0
    second = flags(rank=None, adapter_path=tmp_path / "second", init_adapter=tmp_path / "run")
    assert main(second) == 0
    saved = yaml.safe_load((tmp_path / "second/run/config.yaml").read_text(encoding="utf-8"))
    assert (saved["rank"], saved["sharing"]) == (6, "layer")
    assert main([*second, "--rank=5", "--overwrite"]) == 2
    assert "--rank: the adapter has 6, asked for is 5" in capsys.readouterr().err


def test_one_of_the_original_package_is_an_adapter_to_start_from(flags, tiny_backbone, tmp_path):
    backbone, config = load_model(tiny_backbone)
    shape = ShadowConfig(rank=5, sharing="layer", shadow_layers=1)
    model = attach(backbone, config, shape, variant="original")
    save_adapter(tmp_path / "o", model, backbone=str(tiny_backbone), backbone_config=config)
    begun = flags(rank=None, adapter_path=tmp_path / "second", init_adapter=tmp_path / "o")
    assert main(begun) == 0
    assert (
        json.loads((tmp_path / "second/shadow_config.json").read_text())["injection_hidden_size"]
        == 5
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": None}, "--data"),
        ({"data": "no/such.jsonl"}, "no such file"),
        ({"model": "./no-such-model"}, "no-such-model"),
        ({"rank": 0}, "--rank: must be at least 1"),
        ({"learning_rate": "nan"}, "--learning-rate"),
        ({"learning_rate": -1}, "--learning-rate: must be more than 0"),
        ({"batch_size": "many"}, "--batch-size"),
        ({"epochs": 2}, "--iters and --epochs"),
        ({"report_to": "nowhere"}, "nowhere"),
        ({"optimizer": "best"}, "--optimizer"),
        ({"init_adapter": "nothing/here"}, "nothing/here"),
    ],
)
def test_bad_options_give_one_message_and_exit_code_2(flags, capsys, tmp_path, changes, words):
    assert main(flags(**changes)) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not RunFolder(tmp_path / "run").config.exists()


def test_a_missing_service_package_is_named(flags, capsys, monkeypatch):
    from mlx_lm.tuner import callbacks

    monkeypatch.setattr(callbacks, "wandb", None)
    assert main(flags(report_to="wandb")) == 2
    assert "pip install wandb" in capsys.readouterr().err


def test_a_second_start_does_not_destroy_the_first(flags, capsys):
    assert main(flags()) == 0
    assert main(flags()) == 2
    message = capsys.readouterr().err
    assert "--resume" in message
    assert "--overwrite" in message
    assert main([*flags(), "--overwrite"]) == 0


def test_resume_and_overwrite_exclude_each_other(flags, capsys):
    assert main(flags()) == 0
    assert main([*flags(), "--resume", "--overwrite"]) == 2
    assert "not both" in capsys.readouterr().err


def test_resume_without_a_run_says_so(flags, capsys):
    assert main([*flags(), "--resume"]) == 2
    assert "there is no run" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(flags, tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-m", "shadow_mlx", *flags(iters=100_000, save_every=100_000)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step 3/"):
            process.send_signal(number)
            break
    rest = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert f"shadow-mlx train --resume --adapter-path {tmp_path / 'run'}" in rest
    (step,) = RunFolder(tmp_path / "run").saved_steps()
    assert step >= 3
    assert f"stopped after step {step} of 100000" in rest
    assert (tmp_path / "run" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGABRT, "The run was aborted (SIGABRT) after step"),
        (signal.SIGKILL, "The run ended suddenly after step"),
    ],
)
def test_a_death_is_told_by_the_list_and_first_of_all_when_it_goes_on(
    flags, tmp_path, capsys, number, said
):
    process = subprocess.Popen(
        [sys.executable, "-m", "shadow_mlx", *flags(iters=100_000)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("step 4/"):
            break
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == -number
    assert main(["runs", str(tmp_path)]) == 0
    assert said in capsys.readouterr().out
    last = RunFolder(tmp_path / "run").saved_steps()[-1]
    resume = ["train", "--resume", f"--adapter-path={tmp_path / 'run'}", f"--iters={last + 1}"]
    assert main(resume) == 0
    first, *others = capsys.readouterr().err.splitlines()
    assert first.startswith(f"warning: {said}")
    assert f"--resume goes on from step {last}." in first
    assert said not in "\n".join(others)
    assert main([*resume[:-1], f"--iters={last + 2}"]) == 0  # it ended by itself this time
    assert said not in capsys.readouterr().err


def test_a_mac_is_asked_to_let_it_train_and_to_stay_awake(flags, tmp_path, monkeypatch, capsys):
    program, note = tmp_path / "caffeinate", tmp_path / "note"
    program.write_text(f'#!/bin/sh\necho "$*" "$PPID" > "{note}"\nexec sleep 600\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(macos.WATCHDOG, raising=False)
    monkeypatch.setattr(macos, "is_mac", lambda: True)
    assert main(flags()) == 0
    assert note.read_text().split() == ["-is", "-w", str(os.getpid()), str(os.getpid())]
    assert os.environ.pop(macos.WATCHDOG) == "1"


def test_a_file_size_limit_during_the_run_is_exit_code_3(flags, tmp_path, capsys):
    """The weights no longer fit on the "disk": one message, and what was saved before stays."""
    assert main(flags(val_batches=0)) == 0
    adapter = tmp_path / "run" / "adapter_model.safetensors"
    before = adapter.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        code = main(["train", "--resume", f"--adapter-path={tmp_path / 'run'}", "--iters=6"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    message = capsys.readouterr().err
    assert code == 3
    assert "beyond the allowed size" in message
    assert "step 4 is kept" in message
    assert adapter.read_bytes() == before
    assert main(["train", "--resume", f"--adapter-path={tmp_path / 'run'}", "--iters=6"]) == 0


def test_an_adapter_path_that_is_a_file_is_refused(flags, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(flags(adapter_path=tmp_path / "file")) == 2
    assert "is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from shadow_mlx.cli.main import main; code = main(['train', '--help'])\n"
        "heavy = {'mlx.core', 'mlx_lm', 'transformers', 'numpy', 'tqdm'} & set(sys.modules)\n"
        "sys.exit(code or bool(heavy))"
    )
    environment = {**os.environ, "COLUMNS": "100"}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    for flag in ("--resume", "--overwrite", "--aux-weight", "--no-mask-prompt", "--config"):
        assert flag in ended.stdout


def test_columns_named_by_hand_are_part_of_the_run(flags, tmp_path, capsys):
    data = tmp_path / "qa.jsonl"
    lines = [{"question": f"how many {i}", "answer": f"there are {i}"} for i in range(24)]
    data.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert main(flags(data=data)) == 2
    assert "--prompt-feature question --completion-feature answer" in capsys.readouterr().err
    columns = {"prompt_feature": "question", "completion_feature": "answer"}
    assert main(flags(data=data, **columns)) == 0
    run = RunFolder(tmp_path / "run")
    saved = yaml.safe_load(run.config.read_text())
    assert columns.items() <= saved.items()
    again = ["train", "--resume", "--adapter-path", str(tmp_path / "run"), "--iters", "5"]
    assert main([*again, "--prompt-feature", "other"]) == 2
    assert "--prompt-feature: the run has question, given is other" in capsys.readouterr().err
    assert main(again) == 0
    compared = ["compare", "--data", str(data), "--adapter-path", str(tmp_path / "run"), "--json"]
    more = ["--limit", "2", "--max-tokens", "4", "--modes", "detached"]
    assert main([*compared, *more, *flags_of(columns)]) == 0
    examples = json.loads(capsys.readouterr().out)["examples"]
    assert [one["expected"] for one in examples] == ["there are 0", "there are 1"]


def flags_of(options):
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]


def test_what_nothing_reads_is_named_before_the_first_step(flags, tmp_path, capsys):
    data = write_chats(tmp_path / "noted.jsonl", 24)
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    data.write_text("".join(json.dumps({**row, "source": "web"}) + "\n" for row in rows))
    assert main(flags(data=data)) == 0
    said = capsys.readouterr().err
    note = "24 lines have the column 'source', which nothing reads"
    assert said.index(note) < said.index("step 1/4")
