from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shadow_mlx.errors import InputError
from shadow_mlx.generation.conversation import Conversation, Turn
from shadow_mlx.generation.transcript import load_transcript, save_transcript

TALK = Conversation.from_messages(
    [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "naïve\n\u2028?"},
        {"role": "assistant", "content": ""},
    ]
)


def test_round_trip_is_one_line_of_chat_data(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    save_transcript(path, TALK)
    assert path.read_bytes().count(b"\n") == 1
    assert load_transcript(path) == TALK


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"text": "x"}', b'{"messages": {}}', b'{"messages": [{"role": "x"}]}',
     b'{"messages": [{"role": "user", "content": 3}]}', b"\xff\xfe\x00", b"\x00" * 5000,
     b'{"messages": [{"role": "tool", "content": "x"}]}', b'{"messages": [null]}',
     b'{"messages": [{"role": ["user"], "content": "x"}]}', b'{"messages": NaN}',
     b'{"messages": [{"role": "user", "content": "\\ud800"}]}', b"[" * 200_000, b"1" * 9000,
     b'{"messages": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", b"\x1f\x8b\x08gzip",
     b'{"messages": [{"role": "assistant", "content": "x", "reasoning_content": 3}]}',
     b'{"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}]}'],
)  # fmt: skip
def test_what_is_no_conversation_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected"):
        load_transcript(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            load_transcript(path)


def test_a_line_is_read_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "talk.jsonl"
    save_transcript(path, TALK)
    monkeypatch.setattr("shadow_mlx.generation.transcript.LONGEST", path.stat().st_size)
    path.write_bytes(path.read_bytes() + b"x" * 10_000)  # what stands behind it does not count
    assert load_transcript(path) == TALK
    monkeypatch.setattr("shadow_mlx.generation.transcript.LONGEST", 20)
    with pytest.raises(InputError, match="found more than"):
        load_transcript(path)


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a file"):
            load_transcript(path)


def test_the_reasoning_of_an_answer_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    talk = Conversation((Turn("user", "1 + 1?"), Turn("assistant", "2", reasoning="1 and 1")))
    save_transcript(path, talk)
    assert load_transcript(path) == talk
    path.write_bytes(b"\xef\xbb\xbf\r\n" + path.read_bytes())
    assert load_transcript(path) == talk


def test_names_that_no_file_has_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_transcript(tmp_path / "a\0b")
    with pytest.raises(InputError, match="cannot be written"):
        save_transcript(tmp_path / "a\0b", TALK)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused_or_a_conversation(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "talk.jsonl"
    save_transcript(path, TALK)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw)))
        raw[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    path.write_bytes(raw)
    try:
        found = load_transcript(path)
    except InputError:
        return
    assert all(isinstance(text, str) for message in found.messages() for text in message.values())
