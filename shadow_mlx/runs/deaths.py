"""Why a run ended that did not end by itself, in words, and what to change.

A process that is killed says nothing. What is known is put together: the signal, from whoever
started it or from what it left in ``run/crash.log``; its record, with the memory that it had taken;
the machine; what a library printed on its way out.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx import words
from shadow_mlx.errors import tells_of_metal_memory, tells_of_watchdog
from shadow_mlx.machine import memory_of_machine
from shadow_mlx.macos import is_mac
from shadow_mlx.runs.crash_log import Crash, crash_of
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.launching import log_tail
from shadow_mlx.runs.settings import settings_of

NEAR = 0.7
"""The share of the machine's memory from which on a run's peak explains that it ran out.

The peak is that of the arrays alone: freed memory that MLX keeps, the program itself and whatever
else the person has open come on top.
"""


@dataclass(frozen=True)
class Death:
    """One or two sentences for a person: how a run ended, and what to change."""

    why: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.why} {self.remedy}"


@dataclass(frozen=True)
class Scene:
    """What is known around a sudden end.

    Attributes:
        view: The run's record.
        said: The end of what its process printed, where that was kept.
        recomputes: Whether it ran with ``--grad-checkpoint``.
        memory: Bytes of the machine; 0 if unknown.
        on_mac: Whether the machine is one.
    """

    view: RunView
    said: str = ""
    recomputes: bool = False
    memory: int = 0
    on_mac: bool = False

    @property
    def peak(self) -> int:
        """Bytes that the run's arrays had taken at most; 0 before its first report."""
        return self.view.trained.peak_memory_bytes if self.view.trained else 0

    @property
    def full(self) -> bool:
        """Whether the run alone had filled the machine."""
        return 0 < NEAR * self.memory <= self.peak


def ending(code: int, said: str = "") -> str:
    """How any process of ours ended that said nothing itself, as a clause that begins with *it*.

    Args:
        code: Its exit code; below zero, the signal that ended it.
        said: The end of what it printed.
    """
    if code >= 0:
        return f"it ended with code {code}"
    name = _name(-code)
    if code == -signal.SIGKILL:
        return f"it was killed ({name}), most likely because memory ran out"
    if code == -signal.SIGABRT:
        if tells_of_watchdog(said):
            return f"the GPU's watchdog ended it ({name}), to have the GPU for the display"
        if tells_of_metal_memory(said):
            return f"it was aborted ({name}): the GPU's memory ran out"
        why = ": the GPU's watchdog, or memory that ran out" if is_mac() else ""
        return f"it was aborted ({name}){why}"
    return f"it was ended by {name}"


def death_of(folder: Path, view: RunView, code: int | None = None) -> Death | None:
    """Why a run is over that has no end in its record; ``None`` for one that ended by itself.

    The caller knows that no other process writes the run now.

    Args:
        folder: The run's.
        view: Its record.
        code: The exit code of its process, for who started it.
    """
    code = code or None  # a process that ended well was an earlier one
    if view.ended is not None or (code is None and not view.version):
        return None
    run = RunFolder(folder)
    settings = settings_of(folder)
    scene = Scene(
        view,
        said=_said(run, view),
        recomputes=settings is not None and settings.grad_checkpoint,
        memory=memory_of_machine(),
        on_mac=is_mac(),
    )
    crash = crash_of(run)
    if code is not None and (crash is None or crash.number is None):
        crash = Crash(-code) if code < 0 else None
    return explained(crash, scene)


def less_memory(*, saved: bool, recomputes: bool) -> str:
    """What a person can do whose run found too little memory.

    Args:
        saved: Whether the run can go on.
        recomputes: Whether it ran with ``--grad-checkpoint``.
    """
    new = "a new run with --auto, or with a smaller --batch-size or --max-seq-length"
    if not saved or recomputes:
        return f"What needs less memory: {new}."
    return f"What needs less memory: --resume with --grad-checkpoint, or {new}."


def explained(crash: Crash | None, scene: Scene) -> Death:
    """A death in words.

    Args:
        crash: How it ended; ``None`` where it left no trace of a sudden end.
        scene: What else is known.
    """
    when = _when(scene.view)
    if crash is None:
        return Death(
            f"The run ended{when} at an error that it printed, or was ended before it could say "
            f"why.{_if_full(scene)}",
            _less_memory(scene) if scene.full else _go_on(scene),
        )
    if crash.number is None:
        return _killed(
            f"The run ended suddenly{when}: it was killed, or ended by a third Ctrl-C, or the "
            "machine went off.",
            scene,
        )
    name = _name(crash.number)
    if crash.number == signal.SIGKILL:
        return _killed(f"The run was killed ({name}){when}.", scene)
    if crash.number == signal.SIGABRT:
        return _aborted(f"({name}){when}", scene)
    if crash.number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        return Death(f"The run was ended by {name}{when}.", _go_on(scene))
    return Death(f"The run crashed ({name}){when}: a fault of a library, or ours.", _report(scene))


def _killed(what: str, scene: Scene) -> Death:
    """What nobody survives to explain; whether memory would, as far as that is known."""
    if scene.full:
        return Death(f"{what}{_if_full(scene)}", _less_memory(scene))
    if not scene.peak or not scene.memory:
        return Death(f"{what} It may be that memory ran out.", _less_memory(scene))
    return Death(
        f"{what} It had taken {_held(scene)} at most, so that memory ran out only if other "
        "programs had the rest, or if it may not use all of it.",
        f"{_go_on(scene)} {_less_memory(scene)}",
    )


def _aborted(how: str, scene: Scene) -> Death:
    if tells_of_watchdog(scene.said):
        return Death(
            f"The GPU's watchdog ended the run {how}: a step kept the GPU from the display for "
            "too long.",
            _shorter_steps(scene),
        )
    if tells_of_metal_memory(scene.said):
        why = f"The run was aborted {how}: the GPU's memory ran out."
        return Death(why, _less_memory(scene))
    if scene.full:
        return Death(f"The run was aborted {how}.{_if_full(scene)}", _less_memory(scene))
    if scene.on_mac:
        return Death(
            f"The run was aborted {how}. On a Mac that is the GPU's watchdog, after a step that "
            "kept the GPU from the display for too long, or memory that ran out.",
            _shorter_steps(scene),
        )
    return Death(
        f"The run was aborted {how}: a library met an error that nobody handles.", _report(scene)
    )


def _when(view: RunView) -> str:
    when = f" after step {view.step:,}" if view.trained else " before its first report"
    return when if view.phase in ("starting", "training") else f"{when} ({view.phase})"


def _if_full(scene: Scene) -> str:
    return f" It had taken {_held(scene)}: most likely memory ran out." if scene.full else ""


def _held(scene: Scene) -> str:
    return f"{words.size(scene.peak, 1)} of the machine's {words.size(scene.memory, 1)}"


def _go_on(scene: Scene) -> str:
    """How to go on where nothing need be changed."""
    if scene.view.saved_step is None:
        return "Nothing was saved yet: begin it again."
    return f"--resume goes on from step {scene.view.saved_step:,}."


def _less_memory(scene: Scene) -> str:
    return less_memory(saved=scene.view.saved_step is not None, recomputes=scene.recomputes)


def _shorter_steps(scene: Scene) -> str:
    new = (
        "a new run with shorter steps: half the --batch-size and twice the "
        "--grad-accumulation-steps, or a smaller --max-seq-length"
    )
    if scene.view.saved_step is None:
        return f"Turn the display off while it trains, or begin {new}."
    return f"Turn the display off and go on with --resume, or begin {new}."


def _report(scene: Scene) -> str:
    return f"{_go_on(scene)} If it comes again, report it with run/crash.log."


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _said(run: RunFolder, view: RunView) -> str:
    """What the process printed last, if that was this process: others leave no log."""
    try:
        written = run.output.stat().st_mtime
    except OSError:
        return ""
    begun = view.started.time if view.started else 0.0
    return log_tail(run.path) if written >= begun else ""
