"""A Ctrl-C at the terminal, which the compiler of MLX's kernels hears as well."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shadow_mlx.config import SamplingConfig
from shadow_mlx.errors import surroundings_failure
from shadow_mlx.generation import decode as decoding
from shadow_mlx.kernels import broken_off, uninterrupted
from shadow_mlx.runs.events import StopToken

SAID = "Could not load C++ shared library /tmp/x.so"


def failing_once(message):
    calls = []

    def evaluate():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError(message)
        return len(calls)

    return evaluate


def test_what_the_compiler_was_broken_off_from_is_computed_again():
    assert uninterrupted(failing_once(SAID)) == 2
    with pytest.raises(RuntimeError, match="another"):
        uninterrupted(failing_once("another mistake"))


def test_it_is_the_same_press_that_asks_to_stop():
    stop = StopToken()
    assert not broken_off(RuntimeError(SAID), lambda: stop.stopping)
    stop.stop()
    assert broken_off(RuntimeError(SAID), lambda: stop.stopping)
    assert not broken_off(RuntimeError("another mistake"), lambda: stop.stopping)
    assert "g++" in str(surroundings_failure(RuntimeError(SAID)))
    assert surroundings_failure(RuntimeError("another mistake")) is None


@pytest.mark.parametrize(("draft", "name"), [(False, "stream_generate"), (True, "drafted_stream")])
@pytest.mark.parametrize("pressed", [True, False])
def test_an_answer_that_is_cut_so_keeps_what_there_is(
    tiny_attached, monkeypatch, pressed, draft, name
):
    model, tokenizer = tiny_attached
    stop, real = StopToken(), getattr(decoding, name)

    def breaking(*args, **kwargs):
        responses = real(*args, **kwargs)
        yield next(responses)
        yield next(responses)
        if pressed:
            stop.stop()
        raise RuntimeError(SAID)

    monkeypatch.setattr(decoding, name, breaking)
    prompt, sampling = tokenizer.encode("hello"), SamplingConfig(max_tokens=9, draft=draft)
    if not pressed:
        with pytest.raises(RuntimeError):
            decoding.decode(model, tokenizer, prompt, sampling, stop=stop)
        return
    answer = decoding.decode(model, tokenizer, prompt, sampling, stop=stop)
    assert answer.finish_reason == "interrupted"
    assert len(answer.tokens) == 2
    assert not answer.in_cache


def compilers_of(group):
    """Processes of a group that compile C++."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = stat.read_text().split("(", 1)[1].rsplit(")", 1)
            if name == "cc1plus" and int(rest.split()[2]) == group:
                yield int(stat.parent.name)


def interrupted(command, kernels, begun):
    """The exit code and the words of a program whose group is interrupted while it compiles."""
    with subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(kernels)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while process.poll() is None:
            if begun() and any(compilers_of(process.pid)):
                os.killpg(process.pid, signal.SIGINT)
                break
        said = process.communicate(timeout=120)[1]
    return process.returncode, said


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux MLX has a compiler's process")
def test_ctrl_c_at_the_terminal_while_mlx_compiles_saves_what_was_trained(tiny_backbone, tmp_path):
    kernels = tmp_path / "kernels"  # none is there yet
    kernels.mkdir()
    command = [sys.executable, "-m", "shadow_mlx", "train", "--model", str(tiny_backbone)]
    data = tmp_path / "d.jsonl"
    data.write_text('{"text": "a b c d e"}\n' * 9)
    command += ["--data", str(data), "--adapter-path", str(tmp_path / "a"), "--iters", "9"]
    command += ["--batch-size", "2"]
    seen = Path(tmp_path / "a" / "run" / "events.jsonl")
    code, said = interrupted(  # its first step compiles, from then on it attends
        command, kernels, lambda: seen.exists() and '"compiling"' in seen.read_text()
    )
    assert code == 130, said
    assert "Traceback" not in said
    assert "Go on with: shadow-mlx train --resume" in said.replace("\n", " ")


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux MLX has a compiler's process")
def test_ctrl_c_while_an_answer_compiles_is_an_interruption(tiny_adapter, tmp_path):
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    command = [sys.executable, "-m", "shadow_mlx", "generate", "--prompt", "hello"]
    command += ["--adapter-path", str(tiny_adapter)]
    code, said = interrupted(command, kernels, lambda: True)
    assert code == 130, said
    assert "Traceback" not in said
