"""The wheel: built from the repository, installed in an empty environment, used from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, **kwargs: object) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        [str(part) for part in command], capture_output=True, text=True, **kwargs
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    if shutil.which("uv"):
        run("uv", "build", "--quiet", "--out-dir", out, ROOT)  # the sdist, and the wheel from it
    else:
        run(sys.executable, "-m", "build", "--outdir", out, ROOT)
    [built] = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts folder of an environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("elsewhere") / "env"
    requirement = f"shadow-mlx[cpu] @ {wheel.as_uri()}"
    if shutil.which("uv"):
        run("uv", "venv", "--quiet", "--python", sys.executable, folder)
        run("uv", "pip", "install", "--quiet", "--python", folder / "bin" / "python", requirement)
    else:
        venv.create(folder, with_pip=True)
        run(folder / "bin" / "python", "-m", "pip", "install", "-q", requirement)
    return folder / "bin"


def environment() -> dict[str, str]:
    """No trace of the checkout or of the environment that runs the tests."""
    left_out = ("PYTHONPATH", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if key not in left_out}


def test_the_wheel_carries_types_licence_report_and_sprout(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "shadow_mlx/py.typed" in names
    parts = ("report.html", "style.css", "script.js")
    assert {f"shadow_mlx/evaluation/report/{part}" for part in parts} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sprout = {
        name.split("/", 3)[3] for name in names if name.startswith("shadow_mlx/models/sprout/")
    }
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= sprout
    assert {f"data/robot-intents/{part}.jsonl" for part in ("train", "valid", "test")} <= sprout
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_the_installed_program_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    program = installed / "shadow-mlx"
    assert "usage" in run(program, "--help", cwd=tmp_path, env=environment()).stdout
    done = run(program, "info", "--json", cwd=tmp_path, env=environment())
    sprout = Path(json.loads(done.stdout)["bundled_models"]["sprout"])
    assert sprout.is_relative_to(installed.parent)
    data = sprout / "data" / "robot-intents" / "train.jsonl"
    short = ["--iters", "3", "--batch-size", "2", "--val-batches", "1"]
    run(
        program, "train", "--model", "sprout", "--data", data, *short,
        cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert (tmp_path / "adapters" / "adapter_model.safetensors").is_file()
    answer = run(
        program, "generate", "--detached", "--prompt", "hello", "--max-tokens", "4", "--json",
        cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert json.loads(answer.stdout)["mode"] == "detached"
