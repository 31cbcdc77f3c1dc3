"""What is said of a run that did not end by itself: the cause that fits, and what to change."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path

import pytest

from shadow_mlx.runs import deaths
from shadow_mlx.runs.crash_log import Crash
from shadow_mlx.runs.curves import RunFold, RunView
from shadow_mlx.runs.deaths import Scene, death_of, ending, explained
from shadow_mlx.runs.events import Event, PhaseChanged, RunEnded, Saved
from shadow_mlx.runs.folder import RunFolder
from tests.runs.fake_run import started, trained, write_story
from tests.test_macos import SAID, TIMEOUTS

GB = 10**9
SAVED = Saved(0.0, 50, "step-000050", True)
KILLED, ABORTED, SUDDEN = Crash(signal.SIGKILL), Crash(signal.SIGABRT), Crash(None)
WATCHDOG = SAID.format("Impacting Interactivity", TIMEOUTS[1])
NO_MEMORY = "[METAL] Command buffer execution failed: Insufficient Memory (00000008:kIOGPU…)"


def view(peak: int = 0, *more: Event) -> RunView:
    """A run's record: at step 60 if there is a peak, else before its first report."""
    fold = RunFold()
    fold.add(started(300))
    if peak:
        fold.add(dataclasses.replace(trained(60), peak_memory_bytes=peak))
    for event in more:
        fold.add(event)
    return fold.snapshot()


def scene(peak: int = 0, *more: Event, said: str = "", mac: bool = False) -> Scene:
    return Scene(view(peak, *more), said=said, memory=16 * GB, on_mac=mac)


def test_a_kill_near_the_machines_memory_is_memory() -> None:
    death = explained(KILLED, scene(14 * GB, SAVED))
    assert death.why == (
        "The run was killed (SIGKILL) after step 60. It had taken 14.0 GB of the machine's "
        "16.0 GB: most likely memory ran out."
    )
    assert death.remedy == (
        "What needs less memory: --resume with --grad-checkpoint, or a new run with --auto, or "
        "with a smaller --batch-size or --max-seq-length."
    )
    assert str(death) == f"{death.why} {death.remedy}"


def test_a_kill_far_from_it_does_not_claim_to_know() -> None:
    death = explained(KILLED, scene(2 * GB, SAVED))
    assert death.why == (
        "The run was killed (SIGKILL) after step 60. It had taken 2.0 GB of the machine's 16.0 GB "
        "at most, so that memory ran out only if other programs had the rest, or if it may not use "
        "all of it."
    )
    assert death.remedy.startswith("--resume goes on from step 50. What needs less memory: ")


def test_where_the_share_begins() -> None:
    least = round(deaths.NEAR * 16 * GB)
    assert scene(least).full
    assert not scene(least - 1).full
    assert not dataclasses.replace(scene(least), memory=0).full
    assert not scene(0).full


def test_a_kill_before_the_first_report_may_be_memory() -> None:
    why = explained(KILLED, scene(0, PhaseChanged(0.0, "compiling"))).why
    assert why == (
        "The run was killed (SIGKILL) before its first report (compiling). It may be that memory "
        "ran out."
    )


@pytest.mark.parametrize("recomputes", [False, True])
@pytest.mark.parametrize("saved", [[], [SAVED]])
def test_only_what_would_help_is_advised(saved: list[Event], recomputes: bool) -> None:
    found = dataclasses.replace(scene(14 * GB, *saved), recomputes=recomputes)
    said = explained(KILLED, found).remedy
    assert ("--resume with --grad-checkpoint" in said) is (bool(saved) and not recomputes)
    assert "--auto" in said


@pytest.mark.parametrize("name", TIMEOUTS)
def test_the_watchdog_is_known_by_what_mlx_said(name: str) -> None:
    death = explained(ABORTED, scene(14 * GB, SAVED, said=SAID.format("…", name), mac=True))
    assert death.why.startswith("The GPU's watchdog ended the run (SIGABRT) after step 60")
    assert death.remedy.startswith("Turn the display off and go on with --resume")
    assert "--grad-accumulation-steps" in death.remedy
    assert "--resume" not in explained(ABORTED, scene(0, said=WATCHDOG)).remedy  # nothing is saved


def test_so_is_metals_memory_or_by_what_the_run_had_taken() -> None:
    for found in (scene(2 * GB, said=NO_MEMORY, mac=True), scene(14 * GB, mac=True)):
        death = explained(ABORTED, found)
        assert death.why.count("memory ran out") == 1
        assert "--auto" in death.remedy


def test_an_abort_that_says_nothing_may_be_either_on_a_mac_and_neither_elsewhere() -> None:
    on_mac = explained(ABORTED, scene(2 * GB, mac=True))
    assert "watchdog" in on_mac.why
    assert "memory" in on_mac.why
    elsewhere = explained(ABORTED, scene(2 * GB, SAVED))
    assert "watchdog" not in str(elsewhere)
    assert elsewhere.remedy == (
        "--resume goes on from step 50. If it comes again, report it with run/crash.log."
    )
    assert "most likely memory ran out" in explained(ABORTED, scene(14 * GB)).why


def test_a_sudden_end_without_a_name_and_one_without_a_trace() -> None:
    sudden = explained(SUDDEN, scene(2 * GB, SAVED))
    assert "suddenly after step 60" in sudden.why
    assert sudden.remedy.startswith("--resume goes on from step 50. What needs less memory: ")
    assert "memory ran out" in explained(SUDDEN, scene(14 * GB)).why
    nothing = explained(None, scene(2 * GB))
    assert "at an error that it printed" in nothing.why
    assert nothing.remedy == "Nothing was saved yet: begin it again."
    assert "--auto" in explained(None, scene(14 * GB)).remedy


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGTERM, "The run was ended by SIGTERM after step 60."),
        (signal.SIGSEGV, "The run crashed (SIGSEGV) after step 60: a fault of a library, or ours."),
        (250, "The run crashed (signal 250) after step 60: a fault of a library, or ours."),
    ],
)
def test_other_signals_are_named(number: int, said: str) -> None:
    assert explained(Crash(number), scene(2 * GB)).why == said


@pytest.mark.parametrize(
    ("code", "mac", "printed", "said"),
    [
        (3, False, "", "it ended with code 3"),
        (-9, False, "", "it was killed (SIGKILL), most likely because memory ran out"),
        (-6, False, "", "it was aborted (SIGABRT)"),
        (-6, True, "", "it was aborted (SIGABRT): the GPU's watchdog, or memory that ran out"),
        (-6, True, NO_MEMORY, "it was aborted (SIGABRT): the GPU's memory ran out"),
        (-6, True, WATCHDOG,
         "the GPU's watchdog ended it (SIGABRT), to have the GPU for the display"),
        (-15, False, "", "it was ended by SIGTERM"),
    ],
)  # fmt: skip
def test_any_process_that_said_nothing(
    monkeypatch: pytest.MonkeyPatch, code: int, mac: bool, printed: str, said: str
) -> None:
    monkeypatch.setattr(deaths, "is_mac", lambda: mac)
    assert ending(code, printed) == said


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run on a Mac of 16 GB, which took 2 of them, was saved, and has no end."""
    monkeypatch.setattr(deaths, "memory_of_machine", lambda: 16 * GB)
    monkeypatch.setattr(deaths, "is_mac", lambda: True)
    write_story(tmp_path, [], {"grad_checkpoint": True})
    return RunFolder(tmp_path)


def test_the_folder_tells_what_it_knows(folder: RunFolder) -> None:
    record = view(2 * GB, SAVED)
    said = str(death_of(folder.path, record))
    assert "at an error that it printed" in said
    folder.crash.write_text("")
    said = str(death_of(folder.path, record))
    assert "suddenly" in said
    assert "--grad-checkpoint" not in said  # it has that
    folder.crash.write_text("Fatal Python error: Aborted\n\nThread 0x1 …\n")
    assert "On a Mac that is the GPU's watchdog" in str(death_of(folder.path, record))
    folder.output.write_text(f"step 60/300: loss 1.0\nlibc++abi: terminating: {WATCHDOG}\n")
    assert "The GPU's watchdog ended the run" in str(death_of(folder.path, record))


def test_what_an_earlier_process_printed_is_not_taken_for_the_last_ones(folder: RunFolder) -> None:
    folder.crash.write_text("Fatal Python error: Aborted\n")
    folder.output.write_text(WATCHDOG)
    os.utime(folder.output, (100, 100))
    fold = RunFold()
    fold.add(dataclasses.replace(started(300), time=101.0))
    assert "On a Mac that is" in str(death_of(folder.path, fold.snapshot()))


def test_who_started_it_knows_the_signal_and_what_it_left_is_newer(folder: RunFolder) -> None:
    record = view(2 * GB)
    assert "was killed (SIGKILL)" in str(death_of(folder.path, record, -9))
    folder.crash.write_text("")
    assert "was killed (SIGKILL)" in str(death_of(folder.path, record, -9))
    folder.crash.write_text("Fatal Python error: Segmentation fault\n")
    assert "SIGSEGV" in str(death_of(folder.path, record, -9))


def test_a_run_that_ended_by_itself_or_never_began_did_not_die(folder: RunFolder) -> None:
    folder.crash.write_text("")
    done = view(2 * GB, RunEnded(1.0, "stopped", 60, None, None, 1.0))
    assert death_of(folder.path, done, -9) is None
    assert death_of(folder.path, RunView()) is None
    assert death_of(folder.path, RunView(), 0) is None
    assert "before its first report" in str(death_of(folder.path, RunView(), -9))
