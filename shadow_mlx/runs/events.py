"""What a run says while it works: frozen events, and the token that asks it to stop or pause.

Each event is one JSON object on one line of ``run/events.jsonl``; the progress bar, the terminal
UI and any other viewer draw from the same events.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shadow_mlx.files.declared import build
from shadow_mlx.runs.losses import SHADOW, WATCHED, gathered, spread

_PAUSE_POLL = 0.05
"""Seconds between two looks of a paused job at its token."""

PhaseName = Literal[
    "loading", "data", "recording", "compiling", "training", "paused", "validating", "saving"
]


@dataclass(frozen=True)
class Event:
    """Base of all events. ``time`` is seconds since the epoch."""

    time: float


@dataclass(frozen=True)
class RunStarted(Event):
    """The run's shape, known before the first step (also written when a run is resumed)."""

    total_steps: int
    start_step: int
    batch_size: int
    backbone: str
    trainable_parameters: int
    backbone_parameters: int
    train_examples: int
    valid_examples: int
    tokens_per_epoch: int
    supervised_tokens_per_epoch: int
    truncated_examples: int
    dropped_examples: int
    process_id: int


@dataclass(frozen=True)
class PhaseChanged(Event):
    """What the run is doing now."""

    phase: PhaseName
    detail: str = ""


@dataclass(frozen=True)
class Scored(Event):
    """Base of the events that tell losses: means over supervised tokens, by their names.

    Which there are is the objective's matter. One that was not computed is nan, ``loss`` is always
    there, and each is a value of its own on the line of JSON.
    """

    step: int
    losses: Mapping[str, float]

    def __post_init__(self) -> None:
        if WATCHED not in self.losses:
            raise ValueError(f"{type(self).__name__}: without {WATCHED}")

    @property
    def loss(self) -> float:
        """The loss that is watched."""
        return self.losses[WATCHED]

    @property
    def shadow_loss(self) -> float:
        """That of the detached model beside it; nan where there is none."""
        return self.losses.get(SHADOW, math.nan)


@dataclass(frozen=True)
class Trained(Scored):
    """Averages since the last report, at the end of optimizer step ``step`` (from 1).

    ``tokens_per_second`` counts all input tokens but padding, ``trained_tokens`` the supervised
    ones since the run's beginning, those that the shadow wrote itself among them. All losses but
    ``on_policy_loss`` are of the data alone, and nan where every step since the last report was on
    the shadow's own words. ``gradient_norm`` is that before clipping.
    """

    learning_rate: float
    gradient_norm: float
    tokens_per_second: float
    steps_per_second: float
    trained_tokens: int
    peak_memory_bytes: int
    seconds_left: float
    epoch: float


@dataclass(frozen=True)
class Validated(Scored):
    """Losses on the validation data. ``best`` means the lowest value of what training minimises."""

    tokens: int
    seconds: float
    best: bool


@dataclass(frozen=True)
class Sampled(Event):
    """A validation example, answered greedily by the attached and by the detached model.

    ``example`` numbers the run's examples, from 1; they are the same at every validation.
    ``prompt`` is what a person said last, or the opening of a text. Long texts end with ``…``.
    ``seconds`` is what both answers took together; it is not part of the training time.
    """

    step: int
    example: int
    prompt: str
    expected: str
    attached: str
    detached: str
    seconds: float


@dataclass(frozen=True)
class Saved(Event):
    """A complete checkpoint is on disk."""

    step: int
    path: str
    best: bool


@dataclass(frozen=True)
class Noted(Event):
    """A remark for the person who runs it (a warning, a fallback that was taken)."""

    level: Literal["info", "warning"]
    message: str


@dataclass(frozen=True)
class RunEnded(Event):
    """The last event of a process: why it ended and what it leaves."""

    reason: Literal["done", "stopped", "patience", "failed"]
    step: int
    best_step: int | None
    best_loss: float | None
    seconds: float
    message: str = ""


Listener = Callable[[Event], None]

_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (RunStarted, PhaseChanged, Trained, Validated, Sampled, Saved, Noted, RunEnded)
}


def to_json(event: Event) -> str:
    """One line of JSON, with the event's class under ``event``; non-finite numbers as null.

    Bytes of a path that are no text, which no line of UTF-8 can hold, become escapes to read.
    """
    fields = spread(dataclasses.asdict(event))
    fields = {name: _writable(value) for name, value in fields.items()}
    return json.dumps({"event": type(event).__name__, **fields}, ensure_ascii=False)


def _writable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def from_json(line: str) -> Event | None:
    """The event of one line, or ``None`` for what this version does not know as one.

    A line may be torn by a crash, damaged, or of a version that wrote other events: an event has
    the fields that it declares, each with a value of the declared type, or it is none.
    """
    kind, raw = _kind_of(line)
    try:
        event = build(kind, gathered(raw)) if kind else None
    except (ValueError, RecursionError):
        return None
    return event if event and math.isfinite(event.time) else None


def is_event(line: str) -> bool:
    """Whether a line is an event, even one of a version that wrote other fields."""
    return _kind_of(line)[0] is not None


def _kind_of(line: str) -> tuple[type[Event] | None, Any]:
    """The class that a line names, if it is one of ours, and all that the line holds."""
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return None, None
    name = raw.get("event") if isinstance(raw, dict) else None
    return _KINDS.get(name) if isinstance(name, str) else None, raw


@dataclass
class StopToken:
    """Asks a running job, from another thread or a signal handler, to stop or to pause.

    The job looks at it between steps: a step is never cut in half. Its state is plain flags, so
    that a signal handler may set them at any moment.

    Attributes:
        attended: Whether the job looks at the token by now. One that is still getting ready does
            not, has nothing to lose, and may be broken off.
    """

    attended: bool = True
    _stopping: bool = field(default=False, init=False)
    _hurried: bool = field(default=False, init=False)
    _paused: bool = field(default=False, init=False)

    def stop(self) -> None:
        """Ask to save and end. A paused job ends too."""
        self._stopping = True

    def hurry(self) -> None:
        """Ask to end at the next safe point, without saving what is not saved yet."""
        self._stopping = self._hurried = True

    def pause(self) -> None:
        """Ask to wait before the next step."""
        self._paused = True

    def resume(self) -> None:
        """Let a paused job go on."""
        self._paused = False

    @property
    def stopping(self) -> bool:
        """Whether the job was asked to end."""
        return self._stopping

    @property
    def hurried(self) -> bool:
        """Whether the job was asked to end without saving."""
        return self._hurried

    @property
    def paused(self) -> bool:
        """Whether the job was asked to wait."""
        return self._paused and not self._stopping

    def wait_while_paused(self) -> None:
        """Block until resumed or stopped; returns at once when not paused."""
        while self.paused:
            time.sleep(_PAUSE_POLL)
