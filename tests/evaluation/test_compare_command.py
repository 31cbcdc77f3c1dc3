"""`shadow-mlx compare` as a person runs it."""

from __future__ import annotations

import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from shadow_mlx.cli.main import main
from shadow_mlx.errors import SurroundingsError
from shadow_mlx.evaluation import measuring as engine
from shadow_mlx.evaluation.answering import Speed
from tests.mlx_lm_adapters import write_mlx_lm_adapter


def test_the_table_has_a_row_for_each_mode_and_says_what_was_fixed(
    adapter: Path, chats: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter)]
    assert main([*command, "--max-tokens", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("3 questions")
    first_words = [line.split()[0] for line in lines if line]
    assert first_words[1:5] == ["model", "base", "attached", "detached"]
    assert sum("FIXED" in line for line in lines) == 3  # each pair of the three


def test_every_figure_has_its_column(
    adapter: Path, chats: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--limit", "1"]
    assert main([*command, "--modes", "attached", "--max-tokens", "2"]) == 0
    head = capsys.readouterr().out.splitlines()[2]
    assert "field F1" not in head  # there is no JSON
    for title in (
        "exact", "loss", "perplexity", "decode tok/s", "first token", "peak memory",
        "parameters", "trainable", "prompt tok/s",
    ):  # fmt: skip
        assert title in head


def test_json_on_stdout(adapter: Path, chats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--json"]
    assert main([*command, "--modes", "detached", "--limit", "1", "--max-tokens", "4"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [result["mode"] for result in printed["results"]] == ["detached"]
    assert len(printed["examples"]) == 1


def test_a_missing_test_file_is_one_message(
    adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "--data", "nowhere.jsonl", "--adapter-path", str(adapter)]) == 2
    assert "nowhere.jsonl" in capsys.readouterr().err


def test_the_report_is_written_beside_the_table(
    adapter: Path, chats: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "out" / "report.html"
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--limit", "1"]
    assert main([*command, "--max-tokens", "2", "--report", str(report)]) == 0
    shown = capsys.readouterr()
    assert "1 question" in shown.out
    assert f"report: {report}" in shown.err
    assert "FIXED" in report.read_text(encoding="utf-8")


class Gone(io.StringIO):
    """A stdout whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def fileno(self) -> int:
        return os.open(os.devnull, os.O_WRONLY)


@pytest.mark.parametrize("flags", [["--json"], []])
def test_the_report_is_there_when_nobody_reads_stdout(
    adapter: Path, chats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]
) -> None:
    report = tmp_path / "report.html"
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--limit", "1"]
    monkeypatch.setattr("sys.stdout", Gone())
    args = [*command, "--modes", "base", "--max-tokens", "2", "--report", str(report), *flags]
    assert main(args) == 141
    assert "</html>" in report.read_text(encoding="utf-8")


def test_the_figures_are_printed_when_the_report_cannot_be_written(
    adapter: Path,
    chats: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(*_: Any) -> None:
        raise SurroundingsError("the disk is full")

    monkeypatch.setattr("shadow_mlx.evaluation.report.write_report", full)
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--limit", "1"]
    args = [*command, "--modes", "base", "--max-tokens", "2", "--json"]
    assert main([*args, "--report", str(tmp_path / "report.html")]) == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["results"][0]["mode"] == "base"
    assert "the disk is full" in shown.err


def test_a_place_that_cannot_be_written_is_refused_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for place, code, said in (
        (tmp_path, 2, "a folder"),
        (tmp_path / "file" / "report.html", 3, "a file stands where a folder is needed"),
    ):
        assert main(["compare", "--data", "nowhere.jsonl", "--report", str(place)]) == code
        printed = capsys.readouterr()
        assert said in printed.err
        assert "nowhere" not in printed.err
        assert printed.out == ""


def test_ctrl_c_keeps_what_was_measured(
    adapter: Path,
    chats: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure, calls = engine.measure_speed, []

    def interrupted(*args: Any, **options: Any) -> Speed:
        calls.append(args)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return measure(*args, **options)

    monkeypatch.setattr(engine, "measure_speed", interrupted)
    report = tmp_path / "report.html"
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter)]
    assert main([*command, "--max-tokens", "2", "--report", str(report)]) == 130
    shown = capfd.readouterr()
    assert "partial: stopped" in shown.out
    assert "base" in shown.out
    assert "attached" not in shown.out
    assert "what is measured so far is shown" in shown.err
    assert "partial: stopped" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize("flag", ["--limit", "--max-tokens"])
def test_counts_begin_with_one(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--data", "x.jsonl", flag, "0"]) == 2
    assert f"{flag}: must be at least 1, found 0" in capsys.readouterr().err


def test_a_stopped_comparison_goes_on_with_resume(
    adapter: Path,
    chats: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measure, calls = engine.measure_speed, []

    def interrupted(*args: Any, **options: Any) -> Speed:
        calls.append(args)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return measure(*args, **options)

    monkeypatch.setattr(engine, "measure_speed", interrupted)
    report = tmp_path / "report.html"
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter), "--json"]
    command += ["--max-tokens", "2", "--report", str(report)]
    assert main(command) == 130
    assert "with --resume goes on" in capfd.readouterr().err
    assert main(command) == 2  # what was measured is not thrown away by accident
    assert "--resume goes on with it" in capfd.readouterr().err
    assert main([*command, "--resume"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert [result["name"] for result in printed["results"]] == ["base", "attached", "detached"]
    assert len(calls) == 4  # the second one was stopped
    assert "partial: stopped" not in report.read_text(encoding="utf-8")
    assert main(command) == 0  # and a finished one is measured anew


def test_resuming_needs_the_report(chats: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--data", str(chats), "--modes", "base", "--resume"]) == 2
    assert "--resume: needs the place of the answers (--report)" in capsys.readouterr().err


def test_rivals_stand_in_table_and_report(
    adapter: Path,
    chats: Path,
    tiny_backbone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lora = write_mlx_lm_adapter(tmp_path / "mine", tiny_backbone)
    report = tmp_path / "report.html"
    command = ["compare", "--data", str(chats), "--adapter-path", str(adapter)]
    command += ["--modes", "attached", "--rival", str(lora), "--rival", str(tiny_backbone)]
    assert main([*command, "--max-tokens", "2", "--report", str(report)]) == 0
    shown = capsys.readouterr().out
    assert "lora against attached: " in shown
    assert f"model {tiny_backbone.name}" in shown
    text = report.read_text(encoding="utf-8")
    assert text.count('class="point way-other-1"') == 2 * 3  # two rivals, three plots of points
    assert "lora against attached: " in text
