from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.generation.transcript import load_transcript, save_transcript

TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "naïve\n\u2028?"},
    {"role": "assistant", "content": ""},
]


def test_round_trip_is_one_line_of_chat_data(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    save_transcript(path, TALK)
    assert path.read_bytes().count(b"\n") == 1
    assert load_transcript(path) == TALK


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"text": "x"}', b'{"messages": {}}', b'{"messages": [{"role": "x"}]}',
     b'{"messages": [{"role": "user", "content": 3}]}', b"\xff\xfe\x00"],
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
