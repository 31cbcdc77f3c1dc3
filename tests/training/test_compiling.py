import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from shadow_mlx.training.compiling import can_be_compiled, uninterrupted


def test_a_model_that_looks_at_values_is_found_out_before_it_trains(make_model, monkeypatch):
    model = make_model()
    assert can_be_compiled(model)
    hidden = type(model).hidden

    def looking(self, inputs, cache=None):
        if inputs.sum().item() < 0:
            raise AssertionError
        return hidden(self, inputs, cache)

    monkeypatch.setattr(type(model), "hidden", looking)
    mx.enable_compile()
    assert not can_be_compiled(model)


def test_another_mistake_stays_one(make_model, monkeypatch):
    model = make_model()

    def wrong(self, inputs, cache=None):
        raise ValueError("another mistake")

    monkeypatch.setattr(type(model), "hidden", wrong)
    with pytest.raises(ValueError, match="another mistake"):
        can_be_compiled(model)


def failing_once(message):
    calls = []

    def evaluate():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError(message)
        return len(calls)

    return evaluate


def test_what_the_compiler_was_broken_off_from_is_computed_again():
    assert uninterrupted(failing_once("Could not load C++ shared library /tmp/x.so")) == 2
    with pytest.raises(RuntimeError, match="another"):
        uninterrupted(failing_once("another mistake"))


def compilers_of(group):
    """Processes of a group that compile C++."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
            if name == "cc1plus" and int(rest.split()[2]) == group:
                yield int(stat.parent.name)


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux MLX has a compiler's process")
def test_ctrl_c_at_the_terminal_while_mlx_compiles_saves_what_was_trained(tiny_backbone, tmp_path):
    kernels = tmp_path / "kernels"  # none is there yet
    kernels.mkdir()
    command = [sys.executable, "-m", "shadow_mlx", "train", "--model", str(tiny_backbone)]
    data = tmp_path / "d.jsonl"
    data.write_text('{"text": "a b c d e"}\n' * 9)
    command += ["--data", str(data), "--adapter-path", str(tmp_path / "a"), "--iters", "9"]
    with subprocess.Popen(
        [*command, "--batch-size", "2"],
        env={**os.environ, "TMPDIR": str(kernels)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        seen = Path(tmp_path / "a" / "run" / "events.jsonl")
        while process.poll() is None:  # its first step compiles, from then on it attends
            begun = seen.exists() and '"compiling"' in seen.read_text()
            if begun and any(compilers_of(process.pid)):
                os.killpg(process.pid, signal.SIGINT)
                break
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "Go on with: shadow-mlx train --resume" in said.replace("\n", " ")
