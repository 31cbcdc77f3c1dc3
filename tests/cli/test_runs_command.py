"""``shadow-mlx runs``: the table, the JSON, and nothing of MLX."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shadow_mlx.cli.main import main
from tests.runs.fake_run import started, story, trained, write_story


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_table_and_the_same_as_json(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_story(place / "a" / "whole\x1b[2J", story())
    write_story(place / "cut", [started(1000), trained(10, 1000)])
    assert main(["runs"]) == 0
    head, *lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert " ".join(head.split()) == "run status steps loss best valid changed backbone"
    assert {tuple(line.split()[:4]) for line in lines} == {
        ("a/whole␛[2J", "done", "300/300", "0.1702"),
        ("cut", "interrupted", "10/1,000", "2.712"),
    }
    assert main(["runs", "a", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    assert one["folder"] == str(place / "a" / "whole\x1b[2J")
    assert (one["status"], one["step"], one["total_steps"]) == ("done", 300, 300)
    assert (one["backbone"], one["has_adapter"]) == ("sprout", False)
    assert one["best_loss"] == pytest.approx(0.2702, abs=1e-4)
    assert one["age_seconds"] >= 0


def test_below_it_stands_why_runs_did_not_end_by_themselves(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_story(place / "whole", story())
    cut = write_story(place / "cut\x1b[2J", [started(1000), trained(10, 1000)])
    (cut / "run" / "crash.log").write_text("Fatal Python error: Segmentation fault\n")
    assert main(["runs"]) == 0
    why = "The run crashed (SIGSEGV) after step 10: a fault of a library, or ours."
    table, _, below = capsys.readouterr().out.partition("\n\n")
    assert len(table.splitlines()) == 3
    assert below.startswith(f"cut␛[2J: {why} Nothing was saved yet")
    assert len(below.splitlines()) == 1
    assert main(["runs", "--json"]) == 0
    by_name = {Path(one["folder"]).name: one for one in json.loads(capsys.readouterr().out)["runs"]}
    assert by_name["whole"]["death"] == ""
    assert by_name["cut\x1b[2J"]["death"].startswith(why)
    assert main(["runs", "whole"]) == 0
    assert "\n\n" not in capsys.readouterr().out


def test_where_there_is_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert capsys.readouterr().out == "no runs in . or up to 3 folders below it\n"
    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}
    assert main(["runs", "nowhere"]) == 2
    assert "nowhere: no such folder" in capsys.readouterr().err


def test_info_tells_of_the_run_too(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] is None
    write_story(place / "adapters", story())
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"]["status"] == "done"


def test_listing_runs_imports_nothing_heavy(place: Path) -> None:
    write_story(place, story())
    code = (
        "import sys\n"
        "from shadow_mlx.cli.main import main\n"
        "assert main(['runs']) == 0\n"
        "heavy = {'mlx', 'mlx_lm', 'transformers', 'numpy'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_labels_are_set_shown_and_taken_away(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_story(place / "a", story())
    write_story(place / "b", story())
    assert main(["runs", "a", "--name", "the best", "--note", "λ 0.3\x1b[2J", "--mark"]) == 0
    head, line = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ["mark", "name", "note"]
    assert line.split()[-5:] == ["★", "the", "best", "λ", "0.3␛[2J"]
    assert main(["runs", "--json"]) == 0
    found = {Path(one["folder"]).name: one for one in json.loads(capsys.readouterr().out)["runs"]}
    labels = [{key: found[run][key] for key in ("name", "note", "marked")} for run in "ab"]
    assert labels == [
        {"name": "the best", "note": "λ 0.3\x1b[2J", "marked": True},
        {"name": "", "note": "", "marked": False},
    ]
    assert main(["runs", "a", "--name", "", "--note", "", "--no-mark"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[-1] == "backbone"
    assert main(["runs", "--mark"]) == 2
    assert "there is no run in this folder" in capsys.readouterr().err
