"""A run's events folded into what a screen shows: numbers kept compactly, frozen when looked at."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
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

EMPTY = cast("Sequence[float]", memoryview(array("d")).toreadonly())


@dataclass(frozen=True)
class Series:
    """Points of one curve; ``steps`` ascend. All support the buffer protocol (float64).

    ``seconds`` says when each was told: since the run's beginning, without the time between its
    end and its going on. They never descend.

    They are looked at where they were written, without a copy: what a series shows is never
    written again, and numpy takes it as it lies.
    """

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    seconds: Sequence[float] = EMPTY

    def __len__(self) -> int:
        return len(self.steps)


TRAINED = {
    "train": "attached",
    "shadow": "detached",
    "speed": "tokens/s",
    "rate": "learning rate",
    "gradient": "gradient norm",
    "memory": "memory",
}
VALIDATED = {"valid": "valid attached", "valid_shadow": "valid detached"}
"""The fields of a view that are curves, by the event that gives their points, and their names."""


@dataclass(frozen=True)
class RunView:
    """Everything known of a run at one moment. ``version`` grows with each event.

    ``skipped`` counts lines of the record that were no events of this version, damaged ones mostly.
    ``samples`` holds the answered examples of each step that has some, in the order of the steps.
    ``seconds_before`` is what the run took before its process of now, where that goes on with it.
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
    seconds_before: float = 0.0
    train: Series = Series(TRAINED["train"], EMPTY, EMPTY)
    shadow: Series = Series(TRAINED["shadow"], EMPTY, EMPTY)
    speed: Series = Series(TRAINED["speed"], EMPTY, EMPTY)
    rate: Series = Series(TRAINED["rate"], EMPTY, EMPTY)
    gradient: Series = Series(TRAINED["gradient"], EMPTY, EMPTY)
    memory: Series = Series(TRAINED["memory"], EMPTY, EMPTY)
    valid: Series = Series(VALIDATED["valid"], EMPTY, EMPTY)
    valid_shadow: Series = Series(VALIDATED["valid_shadow"], EMPTY, EMPTY)

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
        """Steps of the whole run; 0 while unknown. One may be resumed to be shorter than it is."""
        return max(self.started.total_steps, self.started.start_step) if self.started else 0


class _Table:
    """Rows that are only ever appended, in arrays with room to spare: a step, when, some values.

    An array that a series looks at cannot be resized, and need not be: it is replaced. Steps ascend
    even where a record is damaged: the row that does not fit between its neighbours is left out.
    """

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._length = 0
        # steps, seconds, and a column for each curve
        self._columns = [array("d", bytes(8 * FIRST_ROOM)) for _ in range(2 + len(titles))]

    def add(self, step: float, seconds: float, *values: float) -> None:
        steps, times = self._columns[:2]
        if self._length and step < steps[self._length - 1]:
            if self._length > 1 and step < steps[self._length - 2]:
                return  # of the three, this one stands out
            self._forget(self._length - 1)
            steps, times = self._columns[:2]
        if self._length:
            seconds = max(seconds, times[self._length - 1])  # a clock may be set back
        if self._length == len(steps):
            self._columns = [column * 2 for column in self._columns]
        for column, value in zip(self._columns, (step, seconds, *values), strict=True):
            column[self._length] = value
        self._length += 1

    def cut_after(self, step: int) -> None:
        """Forget what came after ``step``: a resumed run does it again."""
        self._forget(bisect_right(self._columns[0], step, 0, self._length))

    @property
    def seconds(self) -> float:
        """When the last row was written."""
        return self._columns[1][self._length - 1] if self._length else 0.0

    def _forget(self, length: int) -> None:
        self._length = length
        self._columns = [column[:] for column in self._columns]  # a series may look at them

    def frozen(self) -> dict[str, Series]:
        steps, seconds, *values = map(self._shown, self._columns)
        return {
            name: Series(title, steps, column, seconds)
            for (name, title), column in zip(self._titles.items(), values, strict=True)
        }

    def _shown(self, points: array[float]) -> Sequence[float]:
        return cast("Sequence[float]", memoryview(points)[: self._length].toreadonly())


class RunFold:
    """Takes events in order; :meth:`snapshot` gives the frozen view."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {}  # fields of the view; those that are missing have defaults
        self._version = self._skipped = 0
        self._notes: deque[Noted] = deque(maxlen=KEPT_NOTES)
        self._samples: dict[int, tuple[Sampled, ...]] = {}
        self._trained, self._validated = _Table(TRAINED), _Table(VALIDATED)
        self._tables = (self._trained, self._validated)
        self._began = 0.0  # where the run's clock had its zero

    def add(self, event: Event) -> None:
        """Fold one event in."""
        if not self._version:
            self._began = event.time
        self._version += 1
        self._now["last_time"] = event.time
        if isinstance(event, Trained):
            self._now["trained"] = event
            self._trained.add(
                event.step,
                event.time - self._began,
                event.loss,
                event.shadow_loss,
                event.tokens_per_second,
                event.learning_rate,
                event.gradient_norm,
                event.peak_memory_bytes,
            )
        elif isinstance(event, Validated):
            self._now["validated"] = event
            since = event.time - self._began
            self._validated.add(event.step, since, event.loss, event.shadow_loss)
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
        for table in self._tables:
            table.cut_after(start)
        seconds_before = max(table.seconds for table in self._tables)
        self._began = event.time - seconds_before
        self._now["seconds_before"] = seconds_before
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
        curves: dict[str, Any] = self._trained.frozen() | self._validated.frozen()
        return RunView(
            version=self._version,
            skipped=self._skipped,
            notes=tuple(self._notes),
            samples=tuple(self._samples.values()),
            **self._now,
            **curves,
        )
