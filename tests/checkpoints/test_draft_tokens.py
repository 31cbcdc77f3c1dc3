"""The tokens beside an adapter come back as they went, or not at all, and then a person is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.checkpoints.draft_tokens import LARGEST, read_draft_tokens, write_draft_tokens
from shadow_mlx.shadow.draft_tokens import MOST, DraftTokens

TOKENS = DraftTokens((7, 3, 199), (40, 2, 2))


@pytest.fixture(autouse=True)
def each_thing_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shadow_mlx.notes._said", set())


def changed(folder: Path, **values: Any) -> None:
    """The file in a folder with other values."""
    write_draft_tokens(folder, TOKENS, 200)
    path = folder / "draft_tokens.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_written_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    most = DraftTokens(tuple(range(MOST)), (2**40,) * MOST)
    for tokens, vocabulary in ((TOKENS, 200), (most, 10**6), (DraftTokens(), 5)):
        write_draft_tokens(tmp_path, tokens, vocabulary)
        assert read_draft_tokens(tmp_path, vocabulary) == tokens
        assert (tmp_path / "draft_tokens.json").stat().st_size < LARGEST
    assert not caplog.messages


def test_an_adapter_of_before_has_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_draft_tokens(tmp_path, 200) == DraftTokens()
    assert not caplog.messages


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"shadow_mlx": 3}, "expected format 1"),
        ({"shadow_mlx": {"format": 2, "vocabulary": 200}}, "expected format 1"),
        ({"shadow_mlx": {"format": 1, "vocabulary": 300}}, "another vocabulary: expected 200"),
        ({"shadow_mlx": {"format": 1}}, "another vocabulary: expected 200 tokens, found null"),
        ({"tokens": [7, 3, 200]}, "different ones below 200"),
        ({"tokens": [7, 3, -1]}, "different ones below 200"),
        ({"tokens": [7, 3, 3]}, "different ones below 200"),
        ({"tokens": [7, 3, True]}, "different ones below 200"),
        ({"tokens": [7, 3, [4]]}, "different ones below 200"),
        ({"tokens": "7, 3, 4"}, "different ones below 200"),
        ({"tokens": None}, "different ones below 200"),
        ({"counts": [40, 2]}, "counts: expected one for each token"),
        ({"counts": [2, 40, 2]}, "the largest first"),
        ({"counts": [40, 2, 1.5]}, "counts: expected"),
        ({"counts": [10**400, 2, 1]}, "counts: expected"),
    ],
)
def test_a_damaged_file_is_named_and_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, values: dict[str, Any], reason: str
) -> None:
    changed(tmp_path, **values)
    assert read_draft_tokens(tmp_path, 200) == DraftTokens()
    [said] = caplog.messages
    assert str(tmp_path / "draft_tokens.json") in said
    assert reason in said
    assert "drafts begin with the tokens of the prompt instead" in said


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"{", "not valid JSON"),
        (b"\xff", "not UTF-8"),
        (b"[7]", "expected an object"),
        (b" " * (LARGEST + 1), "too large"),
    ],
)
def test_what_is_no_such_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, raw: bytes, reason: str
) -> None:
    (tmp_path / "draft_tokens.json").write_bytes(raw)
    assert read_draft_tokens(tmp_path, 200) == DraftTokens()
    assert reason in caplog.messages[0]


def test_more_tokens_than_there_may_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    changed(
        tmp_path,
        shadow_mlx={"format": 1, "vocabulary": 10**6},
        tokens=[*range(MOST + 1)],
        counts=[1] * (MOST + 1),
    )
    assert read_draft_tokens(tmp_path, 10**6) == DraftTokens()
    assert f"up to {MOST:,} different ones" in caplog.messages[0]
