from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.cli.conversation import HELP, TerminalChat
from shadow_mlx.config import SamplingConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.generation.conversation import Conversation, Turn
from shadow_mlx.generation.decode import Answer
from shadow_mlx.generation.engine import Engine
from shadow_mlx.generation.session import ChatSession
from shadow_mlx.shadow.attached import AttachedModel

SILENT = Answer("", (), 1, 0, 1.0, 1.0, 1, "stop")


class Talk:
    """Conversations over piped input: what goes to stdout, and what to stderr."""

    def __init__(
        self,
        engine: Engine,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.session = ChatSession(engine, SamplingConfig(max_tokens=6), mode="detached")
        self._patch, self._capsys = monkeypatch, capsys

    @property
    def messages(self) -> list[dict[str, str]]:
        return self.session.conversation.messages()

    def __call__(
        self,
        *lines: str,
        bytes_in: bytes | None = None,
        encoding: str = "utf-8",
        errors: str = "strict",
    ) -> tuple[str, str]:
        raw = bytes_in if bytes_in is not None else "".join(f"{line}\n" for line in lines).encode()
        self._patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding, errors))
        assert TerminalChat(self.session, "tiny", "adapters").run() == 0
        shown = self._capsys.readouterr()
        return shown.out, shown.err


@pytest.fixture
def talk(
    tiny_attached: tuple[AttachedModel, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Talk:
    model, tokenizer = tiny_attached
    return Talk(Engine(model, ChatFormat(tokenizer)), monkeypatch, capsys)


def test_answers_go_to_stdout_and_who_answers_to_stderr(talk: Talk) -> None:
    out, err = talk("hello", "again")
    assert err.startswith("detached: the shadow of adapters alone\n")
    assert [m["role"] for m in talk.messages] == ["user", "assistant"] * 2
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
    out, err = talk("/compare", "/save", "", "/help", "/exit", "never read")
    assert out == ""
    assert "nothing to compare yet" in err
    assert "/save needs a file's name" in err
    assert HELP in err


def test_system_and_reset(talk: Talk) -> None:
    _, err = talk("/system be brief", "hello", "/reset", "/system", "/system -", "/system")
    assert err.count("system message: be brief") == 2
    assert err.count("system message: none") == 2
    assert talk.messages == []


def test_save_and_load(talk: Talk, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    talk("hello", f"/save {path}", "more", f"/save {path}")  # replaces what it wrote itself
    saved = json.loads(path.read_text())["messages"]
    assert len(saved) == 4
    talk("/reset", f"/load {path}")
    assert talk.messages == saved


def test_save_does_not_replace_other_files(talk: Talk, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text("years of data")
    _, err = talk("hello", f"/save {path}")
    assert "exists already" in err
    assert path.read_text() == "years of data"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("/save ~notes.jsonl", "./~notes.jsonl is a file in this folder"),
        ("/load ~no-such-user/x", "no user with that name"),
        ("/save {0}", "a folder; give the name of a file in it"),
        ("/save {0}/file/x", "Not a directory"),
        ("/load {0}/file/x", "Not a directory"),
        ("/save {0}/" + "n" * 300, "File name too long"),
        ("/load {0}/" + "n" * 300, "File name too long"),
        ("/save {0}/" + "n" * 252, "File name too long"),
        ("/save a\0b", "NUL"),
        ("/load a\0b", "NUL"),
        ("/load {0}", "cannot be read"),
        ("/load {0}/none", "cannot be read"),
        ("/load {0}/deep", "nested too deeply"),
        ("/load {0}/binary", "not UTF-8"),
        ("/save {0}/sealed", "exists already"),
    ],
)
def test_no_file_ends_the_conversation(
    talk: Talk, sent: list[str], tmp_path: Path, command: str, says: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sealed").symlink_to(tmp_path / "nowhere")
    (tmp_path / "deep").write_text('{"messages": ' + "[" * 100_000)
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)))
    kept = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    talk.session.conversation = Conversation.from_messages(kept)
    _, err = talk(command.format(tmp_path), "next")
    assert says in err
    assert sent == ["next"]
    assert talk.messages == kept


@pytest.mark.parametrize(
    "error",
    [InputError("refused"), SurroundingsError("full"), MemoryError(), RuntimeError("[malloc] no")],
)
def test_a_failed_answer_leaves_the_conversation(
    talk: Talk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    talk("hello")
    before = talk.messages
    with monkeypatch.context() as failing:
        failing.setattr("shadow_mlx.generation.engine.decode", fail)
        _, err = talk("again", "/compare again")
        assert err.count(str(error) or "out of memory") == 2
    assert talk.messages == before
    talk("and on")
    assert talk.messages[: len(before)] == before
    assert len(talk.messages) == len(before) + 2


def test_a_bug_is_not_hidden(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr("shadow_mlx.generation.engine.decode", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        talk("hello")


@pytest.fixture
def sent(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages that reach the model, which answers nothing."""
    messages: list[str] = []

    def reply(text: str, *_: Any) -> Any:
        messages.append(text)
        return SILENT

    monkeypatch.setattr(talk.session, "reply", reply)
    return messages


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/home/me/data.csv what is this?", "/home/me/data.csv what is this?"),
        ("/no_think Bring the cup.", "/no_think Bring the cup."),
        ("/think", "/think"),
        ("/", "/"),
        ("/sav notes.jsonl", "/sav notes.jsonl"),
        ("//reset", "/reset"),
        ("//exit", "/exit"),
        ("///", "//"),
        ("// a comment", "/ a comment"),
        ("say /reset", "say /reset"),
    ],
)
def test_what_is_no_command_is_a_message(
    talk: Talk, sent: list[str], line: str, message: str
) -> None:
    _, err = talk(line)
    assert sent == [message]
    noted = line.startswith("/") and not line.startswith("//")
    assert ("sent as a message; /help lists the commands" in err) == noted


def test_a_near_miss_names_the_command(talk: Talk, sent: list[str]) -> None:
    _, err = talk("/sav x", "/" + "long" * 1000)
    assert "/sav is no command (did you mean /save?)" in err
    assert max(map(len, err.splitlines())) < 200
    assert len(sent) == 2


@pytest.mark.parametrize("line", ["/reset the router, how?", "/exit now", "/base jumping"])
def test_a_command_that_takes_nothing_is_not_obeyed_by_accident(
    talk: Talk, sent: list[str], line: str
) -> None:
    talk.session.conversation = Conversation((Turn("user", "kept"),))
    _, err = talk(line, "next")
    assert "begin the line with // to send it" in err
    assert talk.session.mode == "detached"
    assert [m["content"] for m in talk.messages] == ["kept"]
    assert sent == ["next"]


def test_commands_take_their_text_behind_any_blank(talk: Talk, sent: list[str]) -> None:
    _, err = talk("/system\tbe  brief")
    assert "system message: be  brief" in err
    assert sent == []


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])  # ascii: the C locale
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_line_that_is_not_utf8_is_not_sent(
    talk: Talk, sent: list[str], encoding: str, errors: str
) -> None:
    lines = b"first\nBring \xff cup.\nna\xc3\xafve\n\xed\xa0\x80\nlast, and no end of line"
    _, err = talk(bytes_in=lines, encoding=encoding, errors=errors)
    assert sent == ["first", "naïve", "last, and no end of line"]
    assert "line 2 is not UTF-8 text (the byte 0xff at position 7); it was not sent" in err
    assert "line 4 is not UTF-8" in err


def test_a_locale_of_another_encoding_is_believed(talk: Talk, sent: list[str]) -> None:
    talk(bytes_in=b"na\xefve\n", encoding="latin-1")
    assert sent == ["naïve"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=12).filter(lambda b: not set(b) & set(b"\r\n")), max_size=6))
def test_every_line_is_sent_or_named(talk: Talk, sent: list[str], pieces: list[bytes]) -> None:
    sent.clear()
    _, err = talk(bytes_in=b"\n".join(b"> " + piece for piece in pieces))
    good = [piece for piece in pieces if is_utf8(piece)]
    assert sent == [("> " + piece.decode()).strip() for piece in good]
    assert err.count("is not UTF-8 text") == len(pieces) - len(good)


def is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_line_longer_than_any_model_reads_is_named(
    talk: Talk, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shadow_mlx.cli.typed.LONGEST", 10)
    _, err = talk("x" * 10, "y" * 35, "z")
    assert sent == ["x" * 10, "z"]
    assert "line 2 is longer than 10 characters; it was not sent" in err


def test_a_byte_order_mark_is_no_text(talk: Talk, sent: list[str]) -> None:
    _, err = talk(bytes_in=b"\xef\xbb\xbf/reset\r\nhello\r\n")
    assert sent == ["hello"]
    assert "forgotten" in err


def test_a_stdin_that_cannot_be_read_is_a_mistake(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = (tmp_path / "out").open("w")
    monkeypatch.setattr("sys.stdin", closed)
    with pytest.raises(InputError, match="stdin cannot be read"):
        TerminalChat(talk.session, "tiny", None).run()
    closed.close()
    monkeypatch.setattr("sys.stdin", None)  # `<&-`
    assert TerminalChat(talk.session, "tiny", None).run() == 0


def test_control_characters_of_a_model_are_made_visible(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(text: str, on_piece: Any, stop: Any) -> Any:
        on_piece("words", "\x1b]0;owned\x07")
        return SILENT

    monkeypatch.setattr(talk.session, "reply", reply)
    out, _ = talk("hello")
    assert out == "␛]0;owned␇\n"


def test_stats_are_of_the_last_answer_and_of_all_drafts(talk: Talk) -> None:
    _, err = talk("/stats", "hello", "/stats", "/attached", "hello", "again", "/stats")
    assert "nothing was answered yet" in err
    assert err.index("no answer was drafted") < err.index("drafted answers so far: 2, of 12 tokens")
    assert err.count("last answer: ") == 2
    assert "found by looking back" in err
