"""The person's own editor: found, used, and never the loss of a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from tui import editor


def test_the_editor_is_the_one_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "nano -w")
    monkeypatch.delenv("VISUAL", raising=False)
    assert editor.editor() == ["nano", "-w"]
    monkeypatch.setenv("VISUAL", "'my editor' --wait")
    assert editor.editor() == ["my editor", "--wait"]
    monkeypatch.setenv("VISUAL", "'open")
    with pytest.raises(InputError, match="VISUAL"):
        editor.editor()


def test_without_one_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", " ")
    monkeypatch.delenv("VISUAL", raising=False)
    with pytest.raises(InputError, match="set EDITOR"):
        editor.editor()


def test_a_text_comes_back_as_the_editor_leaves_it(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo two >> $1\n")
    assert editor.edited("ä one\n", ["sh", str(script)]) == "ä one\ntwo"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["no-such-editor"], "no-such-editor"),
        (["sh", "-c", "exit 3", "sh"], "ended with code 3"),
        (["sh", "-c", "printf '\\377' > $1", "sh"], "as it was"),
        (["sh", "-c", "rm $1", "sh"], "as it was"),
    ],
)
def test_an_editor_that_fails_leaves_the_message(command: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        editor.edited("text", command)
