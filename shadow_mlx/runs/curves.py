"""A run's events folded into what a screen shows: numbers kept compactly, frozen when looked at."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

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
CURVES = {
    "train": "train",
    "shadow": "shadow",
    "valid": "valid",
    "valid_shadow": "valid shadow",
    "speed": "tokens/s",
}
"""The fields of a view that are curves, and what these are called."""


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
    train: Series = Series("train", EMPTY, EMPTY)
    shadow: Series = Series("shadow", EMPTY, EMPTY)
    valid: Series = Series("valid", EMPTY, EMPTY)
    valid_shadow: Series = Series("valid shadow", EMPTY, EMPTY)
    speed: Series = Series("tokens/s", EMPTY, EMPTY)

    @property
    def step(self) -> int:
        """The last optimizer step that is known: that of its end, else of its last report."""
        if self.ended is not None:
            return self.ended.step
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
        self._now: dict[str, Any] = {}  # fields of the view; those that are missing have defaults
        self._version = self._skipped = 0
        self._notes: deque[Noted] = deque(maxlen=KEPT_NOTES)
        self._samples: dict[int, tuple[Sampled, ...]] = {}
        self._points = {name: _Points(title) for name, title in CURVES.items()}

    def add(self, event: Event) -> None:
        """Fold one event in."""
        self._version += 1
        self._now["last_time"] = event.time
        if isinstance(event, Trained):
            self._now["trained"] = event
            self._points["train"].add(event.step, event.loss)
            self._points["shadow"].add(event.step, event.shadow_loss)
            self._points["speed"].add(event.step, event.tokens_per_second)
        elif isinstance(event, Validated):
            self._now["validated"] = event
            self._points["valid"].add(event.step, event.loss)
            self._points["valid_shadow"].add(event.step, event.shadow_loss)
            if event.best:
                self._now.update(best_step=event.step, best_loss=event.loss)
        elif isinstance(event, Sampled):
            self._sample(event)
        elif isinstance(event, PhaseChanged):  # a run that is resumed begins with its phases
            self._now.update(phase=event.phase, detail=event.detail, ended=None)
        elif isinstance(event, RunStarted):
            self._begin(event)
        elif isinstance(event, Saved):
            self._now["saved_step"] = event.step
        elif isinstance(event, Noted):
            self._notes.append(event)
        elif isinstance(event, RunEnded):
            self._now["ended"] = event

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
        before, start = self.snapshot(), event.start_step
        self._now.update(started=event, ended=None)
        for points in self._points.values():
            points.cut_after(start)
        self._samples = {step: found for step, found in self._samples.items() if step <= start}
        if before.best_step is not None and before.best_step > start:
            self._now.update(best_step=None, best_loss=None)
        if before.trained is not None and before.trained.step > start:
            self._now["trained"] = None
        if start == 0:
            self._now.update(validated=None, saved_step=None)
            self._notes.clear()

    def snapshot(self) -> RunView:
        """The state as it is now, untouched by what comes later."""
        curves: dict[str, Any] = {name: points.frozen() for name, points in self._points.items()}
        return RunView(
            version=self._version,
            skipped=self._skipped,
            notes=tuple(self._notes),
            samples=tuple(self._samples.values()),
            **self._now,
            **curves,
        )
