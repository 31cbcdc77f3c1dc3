"""A run's events folded into what a screen shows: numbers kept compactly, frozen when looked at."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from shadow_mlx.runs.events import (
    Event,
    Noted,
    PhaseChanged,
    RunEnded,
    RunStarted,
    Sampled,
    Saved,
    Trained,
    Validated,
)

KEPT_NOTES = 100
KEPT_SAMPLED_STEPS = 200


FIRST_ROOM = 256
"""Points for which there is room at first; it doubles whenever it is used up."""


@dataclass(frozen=True)
class Series:
    """Points of one curve; ``steps`` ascend. Both support the buffer protocol (float64).

    They are looked at where they were written, without a copy: what a series shows is never
    written again, and numpy takes it as it lies.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]

    def __len__(self) -> int:
        return len(self.steps)


EMPTY = array("d")


@dataclass(frozen=True)
class RunView:
    """Everything known of a run at one moment. ``version`` grows with each event.

    ``skipped`` counts lines of the record that were no events of this version, damaged ones mostly.
    ``samples`` holds the answered examples of each step that has some, in the order of the steps.
    """

    version: int = 0
    started: RunStarted | None = None
    phase: str = "starting"
    detail: str = ""
    trained: Trained | None = None
    validated: Validated | None = None
    best_step: int | None = None
    best_loss: float | None = None
    saved_step: int | None = None
    ended: RunEnded | None = None
    notes: tuple[Noted, ...] = ()
    skipped: int = 0
    samples: tuple[tuple[Sampled, ...], ...] = ()
    last_time: float = 0.0
    train: Series = field(default_factory=lambda: Series("train", EMPTY, EMPTY))
    shadow: Series = field(default_factory=lambda: Series("shadow", EMPTY, EMPTY))
    valid: Series = field(default_factory=lambda: Series("valid", EMPTY, EMPTY))
    valid_shadow: Series = field(default_factory=lambda: Series("valid shadow", EMPTY, EMPTY))
    speed: Series = field(default_factory=lambda: Series("tokens/s", EMPTY, EMPTY))

    @property
    def step(self) -> int:
        """The last optimizer step that the run reported."""
        if self.trained is not None:
            return self.trained.step
        return self.started.start_step if self.started else 0

    @property
    def total_steps(self) -> int:
        """Steps of the whole run; 0 while unknown."""
        return self.started.total_steps if self.started else 0


class _Points:
    """Points that are only ever appended, in arrays with room to spare.

    An array that a series looks at cannot be resized, and need not be: it is replaced. Steps ascend
    even where a record is damaged: the point that does not fit between its neighbours is left out.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._length = 0
        self._steps = array("d", bytes(8 * FIRST_ROOM))
        self._values = self._steps[:]

    def add(self, step: float, value: float) -> None:
        if self._length and step < self._steps[self._length - 1]:
            if self._length > 1 and step < self._steps[self._length - 2]:
                return  # of the three, this one stands out
            self._forget(self._length - 1)
        if self._length == len(self._steps):
            self._steps, self._values = self._steps * 2, self._values * 2
        self._steps[self._length] = step
        self._values[self._length] = value
        self._length += 1

    def cut_after(self, step: int) -> None:
        """Forget what came after ``step``: a resumed run does it again."""
        self._forget(bisect_right(self._steps, step, 0, self._length))

    def _forget(self, length: int) -> None:
        self._length = length
        self._steps, self._values = self._steps[:], self._values[:]  # a series may look at them

    def frozen(self) -> Series:
        return Series(self.name, self._shown(self._steps), self._shown(self._values))

    def _shown(self, points: array[float]) -> Sequence[float]:
        return cast("Sequence[float]", memoryview(points)[: self._length].toreadonly())


class RunFold:
    """Takes events in order; :meth:`snapshot` gives the frozen view."""

    def __init__(self) -> None:
        self._version = 0
        self._started: RunStarted | None = None
        self._phase, self._detail = "starting", ""
        self._trained: Trained | None = None
        self._validated: Validated | None = None
        self._best: tuple[int, float] | None = None
        self._saved: int | None = None
        self._ended: RunEnded | None = None
        self._notes: list[Noted] = []
        self._samples: dict[int, tuple[Sampled, ...]] = {}
        self._skipped = 0
        self._time = 0.0
        names = ("train", "shadow", "valid", "valid shadow", "tokens/s")
        self._points = {name: _Points(name) for name in names}

    def add(self, event: Event) -> None:
        """Fold one event in."""
        self._version += 1
        self._time = event.time
        if isinstance(event, Trained):
            self._trained = event
            self._points["train"].add(event.step, event.loss)
            self._points["shadow"].add(event.step, event.shadow_loss)
            self._points["tokens/s"].add(event.step, event.tokens_per_second)
        elif isinstance(event, Validated):
            self._validated = event
            self._points["valid"].add(event.step, event.loss)
            self._points["valid shadow"].add(event.step, event.shadow_loss)
            if event.best:
                self._best = (event.step, event.loss)
        elif isinstance(event, Sampled):
            self._sample(event)
        elif isinstance(event, PhaseChanged):
            self._phase, self._detail = event.phase, event.detail
            if self._ended is not None:  # a run that is resumed begins with its phases
                self._ended = None
        elif isinstance(event, RunStarted):
            self._begin(event)
        elif isinstance(event, Saved):
            self._saved = event.step
        elif isinstance(event, Noted):
            self._notes = [*self._notes[-KEPT_NOTES + 1 :], event]
        elif isinstance(event, RunEnded):
            self._ended = event

    def skip(self) -> None:
        """Count a line that is no event."""
        self._version += 1
        self._skipped += 1

    def _sample(self, event: Sampled) -> None:
        others = (s for s in self._samples.get(event.step, ()) if s.example != event.example)
        self._samples[event.step] = (*others, event)
        if len(self._samples) > KEPT_SAMPLED_STEPS:  # thinned out, so that the beginning stays
            for step in list(self._samples)[1::2]:
                del self._samples[step]

    def _begin(self, event: RunStarted) -> None:
        self._started, self._ended = event, None
        for points in self._points.values():
            points.cut_after(event.start_step)
        self._samples = {s: found for s, found in self._samples.items() if s <= event.start_step}
        if self._best is not None and self._best[0] > event.start_step:
            self._best = None
        if self._trained is not None and self._trained.step > event.start_step:
            self._trained = None
        if event.start_step == 0:
            self._validated, self._notes, self._saved = None, [], None

    def snapshot(self) -> RunView:
        """The state as it is now, untouched by what comes later."""
        best = self._best
        return RunView(
            version=self._version,
            started=self._started,
            phase=self._phase,
            detail=self._detail,
            trained=self._trained,
            validated=self._validated,
            best_step=best[0] if best else None,
            best_loss=best[1] if best else None,
            saved_step=self._saved,
            ended=self._ended,
            notes=tuple(self._notes),
            skipped=self._skipped,
            samples=tuple(self._samples.values()),
            last_time=self._time,
            train=self._points["train"].frozen(),
            shadow=self._points["shadow"].frozen(),
            valid=self._points["valid"].frozen(),
            valid_shadow=self._points["valid shadow"].frozen(),
            speed=self._points["tokens/s"].frozen(),
        )
