from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.cli.conversation import HELP, Conversation
from shadow_mlx.config import SamplingConfig
from shadow_mlx.data.chat_format import ChatFormat
from shadow_mlx.generation.session import ChatSession, modes_of
from shadow_mlx.shadow.attached import AttachedModel


class Talk:
    """Conversations over piped input: what goes to stdout, and what to stderr."""

    def __init__(
        self,
        models: dict[Any, Any],
        tokenizer: Any,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.session = ChatSession(
            models, ChatFormat(tokenizer), SamplingConfig(max_tokens=6), mode="detached"
        )
        self._patch, self._capsys = monkeypatch, capsys

    def __call__(self, *lines: str, bytes_in: bytes | None = None) -> tuple[str, str]:
        raw = bytes_in if bytes_in is not None else "".join(f"{line}\n" for line in lines).encode()
        self._patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8"))
        assert Conversation(self.session, "tiny", "adapters").run() == 0
        shown = self._capsys.readouterr()
        return shown.out, shown.err


@pytest.fixture
def talk(
    tiny_attached: tuple[AttachedModel, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Talk:
    model, tokenizer = tiny_attached
    return Talk(modes_of(model), tokenizer, monkeypatch, capsys)


def test_answers_go_to_stdout_and_who_answers_to_stderr(talk: Talk) -> None:
    out, err = talk("hello", "again")
    assert err.startswith("detached: the shadow of adapters alone\n")
    assert [m["role"] for m in talk.session.messages] == ["user", "assistant"] * 2
    assert "detached" not in out
    assert out.count("\n") >= 2


def test_switching_says_who_answers(talk: Talk) -> None:
    _, err = talk("/attached", "/base", "hello", "/detached")
    assert "attached: tiny with the shadow of adapters" in err
    assert "base: tiny as it came" in err
    assert talk.session.mode == "detached"


def test_compare_shows_every_mode_with_its_cost(talk: Talk) -> None:
    out, err = talk("/compare hello", "/compare")
    for mode in ("attached", "detached", "base"):
        assert out.count(f"[{mode}] ") == 2
        lines = [line for line in err.splitlines() if line.startswith(f"{mode}: ")]
        assert sum("tokens/s" in line and " MB" in line for line in lines) == 2


def test_commands_end_and_errors_do_not(talk: Talk) -> None:
    out, err = talk("/compare", "/nonsense", "/save", "", "/help", "/exit", "never read")
    assert out == ""
    assert "nothing to compare yet" in err
    assert "unknown command /nonsense" in err
    assert "/save needs a file's name" in err
    assert HELP in err


def test_system_and_reset(talk: Talk) -> None:
    _, err = talk("/system be brief", "hello", "/reset", "/system", "/system -", "/system")
    assert err.count("system message: be brief") == 2
    assert err.count("system message: none") == 2
    assert talk.session.messages == []


def test_save_and_load(talk: Talk, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    talk("hello", f"/save {path}", "more", f"/save {path}")  # replaces what it wrote itself
    saved = json.loads(path.read_text())["messages"]
    assert len(saved) == 4
    talk("/reset", f"/load {path}")
    assert talk.session.messages == saved


def test_save_does_not_replace_other_files(talk: Talk, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text("years of data")
    _, err = talk("hello", f"/save {path}")
    assert "exists already" in err
    assert path.read_text() == "years of data"


def test_a_line_that_is_not_utf8_is_skipped(talk: Talk) -> None:
    _, err = talk(bytes_in=b"\xff\xfe\n/help\n")
    assert "not UTF-8" in err


def test_control_characters_of_a_model_are_made_visible(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(text: str, on_part: Any) -> Any:
        on_part("words", "\x1b]0;owned\x07")
        return type("Answer", (), {"finish_reason": "stop", "reasoning": "", "beyond": False})()

    monkeypatch.setattr(talk.session, "reply", reply)
    out, _ = talk("hello")
    assert out == "␛]0;owned␇\n"
