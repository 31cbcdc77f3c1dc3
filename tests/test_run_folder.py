import os
import subprocess
import sys

import pytest

from shadow_mlx.errors import SurroundingsError
from shadow_mlx.events import Noted, from_json
from shadow_mlx.run_folder import EventLog, RunFolder


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
        "import os, pathlib, sys; from shadow_mlx.run_folder import RunFolder\n"
        "lock = RunFolder(pathlib.Path(sys.argv[1])).lock()\n"
        "lock.__enter__()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    with RunFolder(tmp_path).lock():
        pass


def test_leftovers_of_killed_runs_are_removed(tmp_path):
    folder = RunFolder(tmp_path)
    for left in (folder.path / ".a.7.tmp", folder.checkpoints / ".step-000001.7.tmp"):
        left.mkdir(parents=True)
    (folder.run / ".lock").touch()
    folder.remove_leftovers()
    assert not (folder.path / ".a.7.tmp").exists()
    assert list(folder.checkpoints.iterdir()) == []
    assert (folder.run / ".lock").exists()


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
