import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from shadow_mlx.errors import InputError, SurroundingsError
from shadow_mlx.runs.events import Noted, Saved, from_json
from shadow_mlx.runs.folder import EventLog, RunFolder


def test_checkpoints_are_listed_in_order_of_steps(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.saved_steps() == []
    for name in ("step-000100", "step-1000000", "step-000020", ".step-000030.1.tmp", "other"):
        (folder.checkpoints / name).mkdir(parents=True)
    assert folder.saved_steps() == [20, 100, 1_000_000]
    assert folder.checkpoint(20).name == "step-000020"


def test_the_lock_names_the_process_that_holds_it(tmp_path):
    folder = RunFolder(tmp_path)
    with (
        folder.lock(),
        pytest.raises(SurroundingsError, match=f"process {os.getpid()}") as raised,
        folder.lock(),
    ):
        pass
    assert raised.value.exit_code == 3
    assert "--adapter-path" in str(raised.value)
    with folder.lock():
        pass


def test_the_lock_dies_with_its_process(tmp_path):
    program = (
        "import os, pathlib, sys; from shadow_mlx.runs.folder import RunFolder\n"
        "lock = RunFolder(pathlib.Path(sys.argv[1])).lock()\n"
        "lock.__enter__()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    with RunFolder(tmp_path).lock():
        pass


def test_leftovers_of_killed_runs_are_removed(tmp_path):
    folder = RunFolder(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own = [
        folder.path / f".README.md.{dead.pid}.tmp",
        folder.checkpoints / f".step-000001.{dead.pid}.tmp",
        folder.checkpoints / f".step-000001.{dead.pid}.old.tmp",
        folder.run / f".config.yaml.{os.getpid()}.tmp",  # of a process that had our number
    ]
    others = [
        folder.path / ".notes.tmp",
        folder.path / f".notes.txt.{dead.pid}.tmp",
        folder.path / f".README.md.{os.getppid()}.tmp",  # of a process that lives
        folder.checkpoints / f".mine.{dead.pid}.tmp",
        folder.run / ".lock",
    ]
    folder.checkpoints.mkdir(parents=True)
    for path in (*own, *others):
        path.write_text("x")
    folder.remove_leftovers()
    assert not any(path.exists() for path in own)
    assert all(path.exists() for path in others)


def test_a_folder_that_was_only_looked_at_is_left_as_it_was(tmp_path):
    folder = RunFolder(tmp_path / "new" / "adapters")
    with folder.lock():
        assert folder.run.is_dir()
    assert list(tmp_path.iterdir()) == []
    folder.path.mkdir(parents=True)
    (folder.path / "notes.txt").touch()
    with folder.lock():
        pass
    assert [entry.name for entry in folder.path.iterdir()] == ["notes.txt"]
    with folder.lock():
        folder.config.touch()
    assert {entry.name for entry in folder.run.iterdir()} == {".lock", "config.yaml"}


def test_a_lock_whose_file_was_removed_is_taken_anew(tmp_path):
    """Who opened the file just before its holder removed it must not hold a file without a name."""
    first, second = RunFolder(tmp_path).lock(), RunFolder(tmp_path).lock()
    with first:
        (tmp_path / "run" / "x").touch()
        (tmp_path / "run" / ".lock").unlink()
        with second, pytest.raises(SurroundingsError), RunFolder(tmp_path).lock():
            pass


def link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def pipe(path: Path, target: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [link, pipe])
@pytest.mark.parametrize("name", [".lock", "events.jsonl"])
def test_what_is_written_in_place_is_a_file_of_its_own(tmp_path, make, name):
    target = tmp_path / "mine"
    target.write_text("mine")
    folder = RunFolder(tmp_path / "adapters")
    folder.run.mkdir(parents=True)
    make(folder.run / name, target)
    with pytest.raises(InputError, match=re.escape(f"run/{name}: is ")) as raised:
        EventLog(folder.events) if name == "events.jsonl" else folder.lock().__enter__()
    assert "--adapter-path" in str(raised.value)
    assert target.read_text() == "mine"


def test_a_dangling_link_makes_no_file_elsewhere(tmp_path):
    folder = RunFolder(tmp_path / "adapters")
    folder.run.mkdir(parents=True)
    (folder.run / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="a symbolic link"):
        folder.lock().__enter__()
    assert not (tmp_path / "elsewhere").exists()


def test_another_programs_lock_is_not_overwritten(tmp_path):
    folder = RunFolder(tmp_path)
    folder.run.mkdir()
    (folder.run / ".lock").write_text("do not touch")
    with pytest.raises(InputError, match="another program's file"):
        folder.lock().__enter__()
    assert (folder.run / ".lock").read_text() == "do not touch"


def test_events_are_readable_at_once_and_appended(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    for message in ("one", "zwei ü"):
        log = EventLog(path)
        log(Noted(1.0, "info", message))
        assert from_json(path.read_text(encoding="utf-8").splitlines()[-1]) == Noted(
            1.0, "info", message
        )
        log.close()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize("torn", [b'{"event": "No', b"x" * 200_000])
def test_a_torn_last_line_is_cut_off(tmp_path, torn):
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log(Noted(1.0, "info", "whole"))
    log.close()
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    EventLog(path).close()
    assert path.read_bytes() == whole


def test_a_path_of_bytes_that_are_no_text_is_recorded(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log(Saved(1.0, 3, "caf\udce9/step-3", True))
    log.close()
    line = (tmp_path / "events.jsonl").read_bytes().decode()
    assert from_json(line) == Saved(1.0, 3, "caf\\udce9/step-3", True)
