"""``generate``, ``chat`` and ``info`` as programs, on a tiny adapter."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main
from tests.tiny import write_tiny_backbone


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


class Program:
    """Runs command lines in this process, in an empty folder; importing MLX once is enough."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
    ) -> None:
        self._patch, self._capsys = monkeypatch, capsys
        self.folder = tmp_path / "here"
        self.folder.mkdir()
        monkeypatch.chdir(self.folder)

    def __call__(self, *args: str | Path, stdin: bytes = b"") -> Done:
        self._patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code = main([str(arg) for arg in args])
        shown = self._capsys.readouterr()
        return Done(code, shown.out, shown.err)


@pytest.fixture
def program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Program:
    return Program(monkeypatch, capsys, tmp_path)


@pytest.mark.parametrize(
    ("flags", "mode"), [([], "attached"), (["--detached"], "detached"), (["--base"], "base")]
)
def test_generate_reports_text_and_figures(
    program: Program, tiny_adapter: Path, flags: list[str], mode: str
) -> None:
    done = program(
        "generate", "--adapter-path", tiny_adapter, "--prompt", "-", "--max-tokens", "5",
        "--json", *flags, stdin=b"hello",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["mode"] == mode
    assert figures["generation_tokens"] <= 5
    assert figures["finish_reason"] in ("length", "stop")
    assert figures["generation_tps"] > 0
    drafts = figures["draft"]
    assert (
        drafts is None if mode != "attached" else drafts["tokens"] == figures["generation_tokens"]
    )


def test_generate_streams_visible_text(program: Program, tiny_adapter: Path) -> None:
    done = program(
        "generate", "--adapter-path", tiny_adapter, "--prompt", "hello", "--max-tokens", "60",
        "--temp", "1.5", "--seed", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("\n")
    assert not [c for c in done.stdout if ord(c) < 32 and c not in "\n\t"]
    assert "attached:" in done.stderr
    assert "tokens/s" in done.stderr


def test_generate_follows_a_schema(program: Program, tiny_adapter: Path) -> None:
    file = program.folder / "schema.json"
    given = ["generate", "--adapter-path", tiny_adapter, "--prompt", "hello", "--json-schema", file]
    missing = program(*given)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert f"--json-schema {file}: No such file" in missing.stderr
    for text, said in (("[]", "schema.json: "), ('{"type": "nonsense"}', "cannot be used")):
        file.write_text(text)
        done = program(*given)
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr
    file.write_text('{"enum": ["up", "down"]}')
    done = program(*given)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) in ("up", "down")


def test_plain_prompts_and_models_without_a_template(
    program: Program, tmp_path: Path, tiny_backbone: Path
) -> None:
    plain = write_tiny_backbone(tmp_path / "plain", chat_template=None)
    common = ("generate", "--base", "--prompt", "ab", "--max-tokens", "3", "--json", "--model")
    noted = program(*common, plain)
    asked = program(*common, tiny_backbone, "--ignore-chat-template")
    assert noted.returncode == asked.returncode == 0, noted.stderr + asked.stderr
    assert "no chat template" in noted.stderr
    assert json.loads(asked.stdout)["prompt_tokens"] == 2
    chat = program("chat", "--base", "--model", plain, stdin=b"hello\n")
    assert chat.returncode == 2
    assert "no chat template" in chat.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["generate", "--prompt", "x"], "no adapter in adapters: train one first"),
        (["chat", "--detached"], "no adapter in adapters: train one first"),
        (["chat", "--detached", "--base"], "not allowed with"),
        (["generate", "--prompt", "x", "--base", "--model", "nowhere/"], "no such folder"),
        (["generate", "--base", "--model", "sprout", "--prompt", ""], "prompt is empty"),
        (["generate", "--base", "--prompt", "x", "--max-tokens", "0"], "--max-tokens"),
        (["info", "nowhere"], "nowhere: no adapter here"),
    ],
)
def test_mistakes_get_one_message_and_exit_2(program: Program, args: list[str], says: str) -> None:
    extra = ["--ignore-chat-template"] if args[-1] == "" else []
    done = program(*args, *extra)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", ""])
def test_no_locale_lets_bytes_through_that_are_no_text(locale: str, tiny_backbone: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shadow_mlx", "generate", "--base", "--model", str(tiny_backbone),
         "-p", "-"],
        input=b"Bring \xff cup.\n", capture_output=True,
        env={**os.environ, "LC_ALL": locale, "LANG": locale},
    )  # fmt: skip
    assert done.returncode == 2
    assert b"stdin is not UTF-8 text (the byte 0xff at position 7)" in done.stderr


def test_bytes_that_are_no_text_are_refused(program: Program) -> None:
    argument = os.fsdecode(b"\xff\xfe")  # as Python hands over what is not UTF-8
    for prompt, stdin in ((argument, b""), ("-", b"\xff\xfe")):
        done = program("generate", "--base", "--prompt", prompt, stdin=stdin)
        assert done.returncode == 2
        assert "UTF-8" in done.stderr


@pytest.mark.parametrize("closed", [True, False])
def test_a_prompt_from_nowhere_is_refused(
    program: Program, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    if closed:  # `<&-`
        monkeypatch.setattr(io, "TextIOWrapper", lambda *_, **__: None)
    done = program("generate", "--base", "--model", "sprout", "--prompt", "-")
    assert done.returncode == 2
    assert "stdin is closed or empty" in done.stderr


def test_chat_over_a_pipe(program: Program, tiny_adapter: Path) -> None:
    script = b"hello\n/detached\nhello\n/compare\n/save talk.jsonl\n/base\n/exit\n"
    done = program("chat", "--adapter-path", tiny_adapter, "--max-tokens", "5", stdin=script)
    assert done.returncode == 0, done.stderr
    for mode in ("attached", "detached", "base"):
        assert f"\n{mode}: " in "\n" + done.stderr
    assert len(json.loads((program.folder / "talk.jsonl").read_text())["messages"]) == 4


def test_chat_detached_offers_no_other_mode(program: Program, tiny_adapter: Path) -> None:
    done = program(
        "chat", "--adapter-path", tiny_adapter, "--detached", "--max-tokens", "5",
        stdin=b"hello\n/attached\n/exit\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "attached is not loaded" in done.stderr
    assert done.stdout.strip() or "cut at --max-tokens" in done.stderr


def test_chat_base_without_an_adapter(program: Program, tiny_backbone: Path) -> None:
    done = program(
        "chat", "--base", "--model", tiny_backbone, "--max-tokens", "3",
        stdin=b"hello\n/attached\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "attached is not loaded (loaded: base)" in done.stderr


def test_chat_base_with_an_adapter_can_switch(program: Program, tiny_adapter: Path) -> None:
    done = program(
        "chat", "--base", "--adapter-path", tiny_adapter, "--max-tokens", "3",
        stdin=b"hello\n/attached\nhello\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "not loaded" not in done.stderr


def read_until(
    master: int, *texts: str, meanwhile: Callable[[], None] = lambda: None, seconds: float = 180
) -> str:
    """What the program wrote to its terminal, up to the last of ``texts``, which come in order.

    ``meanwhile`` is done at each second of silence.
    """
    shown, start, deadline = "", 0, time.monotonic() + seconds
    for text in texts:
        while (found := shown.find(text, start)) < 0:
            assert time.monotonic() < deadline, f"no {text!r} in {shown!r}"
            if select.select([master], [], [], 1)[0]:
                shown += os.read(master, 4096).decode(errors="replace")
            else:
                meanwhile()
        start = found + len(text)
    return shown


def test_chat_at_a_terminal_prompts_with_the_mode_and_survives_ctrl_c(tiny_adapter: Path) -> None:
    master, slave = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "shadow_mlx", "chat", "--adapter-path", str(tiny_adapter),
         "--max-tokens", "1000000"],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    try:
        read_until(master, "attached> ")
        os.write(master, b"hello\n")
        read_until(master, "hello\r\n")
        # Not before it answers: at the prompt, Ctrl-C only says how to leave.
        deadline = time.monotonic() + 180
        while not os.read(master, 1).strip():
            assert time.monotonic() < deadline
        os.kill(running.pid, signal.SIGINT)
        read_until(master, "interrupted", "attached> ")
        os.write(master, b"/detached\n")
        read_until(master, "detached> ")
        # Between the prompt and the wait for a key, Python's input() keeps a signal until the next
        # key: as a person would, press again.
        read_until(
            master, "/exit leaves", "detached> ",  # Ctrl-D means leaving only at a prompt
            meanwhile=lambda: os.kill(running.pid, signal.SIGINT),
        )  # fmt: skip
        os.write(master, b"\x04")  # Ctrl-D
        assert running.wait(180) == 0
    finally:
        running.kill()
        running.wait()
        os.close(master)
        os.close(slave)


def test_interrupting_generate_exits_130(tiny_adapter: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "shadow_mlx", "generate", "--adapter-path", str(tiny_adapter),
         "--ignore-chat-template", "--prompt", "hello", "--max-tokens", "1000000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert running.stdout is not None
    running.stdout.read(1)  # it has begun to answer
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=180)
    assert running.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err


def test_info_describes_an_adapter(program: Program, tiny_adapter: Path) -> None:
    done = program("info", tiny_adapter, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["default_model"]["name"] == "sprout"
    assert {"mlx", "mlx-lm", "python", "shadow-mlx"} <= set(facts["versions"])
    adapter = facts["adapter"]
    assert adapter["modes"] == ["attached", "detached", "base"]
    assert (adapter["sharing"], adapter["rank"]) == ("depth", 4)
    inject = 4 * 32 * 2 + 2 * (4 * 32 * 2 + 4 + 32)  # down, up; T and G with biases
    assert adapter["parameters"]["inject and update"] == inject
    text = program("info", tiny_adapter)
    assert text.returncode == 0
    assert "default model" in text.stdout
    assert "sharing" in text.stdout


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("adapter_config.json", b"{"),
        ("adapter_model.safetensors", b""),
        ("adapter_model.safetensors", b"\xff" * 16),
    ],
)
def test_info_of_a_broken_adapter(
    program: Program, tiny_adapter: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_adapter, broken)
    (broken / name).write_bytes(content)
    done = program("info", broken)
    assert done.returncode == 2, done.stderr
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_info_of_a_record_with_odd_figures(
    program: Program, tiny_adapter: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(tiny_adapter, odd)
    values = json.loads((odd / "adapter_config.json").read_text())
    (ours,) = (
        value for value in values.values() if isinstance(value, dict) and "training" in value
    )
    deep: dict[str, object] = {"a": 1}
    for _ in range(60):
        deep = {"a": deep}
    ours["training"] = {"name": "\x9b\u202e", "x": deep}
    (odd / "adapter_config.json").write_text(json.dumps(values))
    done = program("info", odd, "--json")
    assert done.returncode == 0, done.stderr
    assert "\x9b" not in done.stdout
    facts = json.loads(done.stdout)["adapter"]["training"]
    assert facts["name"] == "\x9b\u202e"
    assert "…" in done.stdout
    assert program("info", odd).returncode == 0


def test_info_describes_the_original_format(program: Program, tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    (tmp_path / "shadow_config.json").write_text(
        json.dumps({"injection_hidden_size": 4, "gate_hidden_size": 6, "num_shadow_layers": 1})
    )
    tensors = {
        "shadow_injection_model.injection_downs": np.zeros((2, 8, 4), np.float32),
        "shadow_injection_model.injection_ups": np.zeros((2, 4, 8), np.float32),
        "shadow_update_model.hidden_norm.weight": np.zeros(8, np.float32),
        "shadow_model.norm.weight": np.zeros(5, np.float32),
    }
    save_file(tensors, tmp_path / "shadow_adapter.safetensors")
    done = program("info", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)["adapter"]
    assert facts["format"] == "shadow-peft 0.1"
    assert (facts["blocks"], facts["rank"], facts["sharing"]) == (3, 4, "layer")
    assert facts["parameters"] == {
        "total": 141, "inject and update": 136, "shadow backbone": 5,
    }  # fmt: skip
    assert "another function" in facts["opens in PEFT"]
