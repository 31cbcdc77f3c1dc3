"""The settings of a run: its own, else those it was asked for; whatever the files hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.data.reading.extent import training_bytes
from shadow_mlx.data.trained_on import columns_of, held_out_file
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.listing import find_runs
from shadow_mlx.runs.settings import data_settings_of, settings_of
from tests.runs.fake_run import story, write_story

CONFIGS: list[bytes] = [
    b"", b"null", b"[]", b"- a", b"text", b"3", b"{", b"a: b: c", b"\xff\xfe", b"\x00", b"\t- x",
    b"model: [1]", b"model: {a: 1}", b"model: 3", b"iters: many", b"iters: 1e400", b"iters: -1",
    b"data: 5", b'data: "a\\0b"', b'data: "\\ud800"', b'model: "a\\0b"', b"data: ~no-such-user/x",
    b"model: ~no-such-user/x", b"adapter_path: ~no-such-user/x",
    b"learning_rate: .nan", b"unknown: 1", b"? [a]\n: b", b"!!python/object:os.system {}", b"a: *b",
    b"data: " + b"n" * 5000, b"%YAML 9.9\n---\na: 1", b"batch_size: " + b"9" * 400,
]  # fmt: skip


@pytest.mark.parametrize("content", CONFIGS)
def test_damaged_options_of_a_run_are_none_or_options(tmp_path: Path, content: bytes) -> None:
    folder = write_story(tmp_path / "run", story(20))
    run = RunFolder(folder)
    for path in (run.config, run.requested):
        path.write_bytes(content)
    assert find_runs((), tmp_path) == [folder.resolve()]
    config = settings_of(folder)
    if config is not None:
        training_bytes(config)
    held_out_file(folder)
    columns_of(str(folder), "some data")


def test_a_run_that_wrote_no_settings_has_those_it_was_asked_for(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert settings_of(tmp_path) is None
    run.run.mkdir()
    for path, rank in ((run.requested, 4), (run.config, 8)):
        path.write_text(f"rank: {rank}\n")
        config = settings_of(tmp_path)
        assert config is not None
        assert config.rank == rank


def test_what_goes_on_reads_the_data_as_the_run_did(tmp_path: Path) -> None:
    assert data_settings_of(tmp_path) == {}
    run = RunFolder(tmp_path)
    run.run.mkdir()
    run.config.write_text("data: chats\nprompt_feature: q\nmodel: sprout\nrank: 8\niters: 3\n")
    found = data_settings_of(tmp_path)
    assert found.items() >= {"data": "chats", "prompt_feature": "q", "model": "sprout"}.items()
    assert not {"rank", "iters", "adapter_path"} & found.keys()
