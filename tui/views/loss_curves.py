"""The curves of losses that a run is shown by: which there are, who they are of, how far they go.

Everything along the x-axis is a step, or, by time, a number of seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rich.cells import chop_cells

from shadow_mlx.runs.curves import RunView, Series
from tui.views.plot import Curve, extent

OVERLAYS = 3
"""Other runs that can be laid over one, each with its number as its mark and a colour."""


TRAIN, VALID = "train", "valid"

LONGEST_NAME = 16
"""Cells of another run's name that are shown."""


@dataclass(frozen=True)
class Overlay:
    """Another run's curve to compare with."""

    name: str
    series: Series


@dataclass(frozen=True)
class Ahead:
    """Where a run will end, while it is at work: its last step, and its seconds then."""

    step: float
    seconds: float


@dataclass(frozen=True)
class Losses:
    """What is drawn of a run, and of others over it.

    Attributes:
        view: The run.
        overlays: Other runs.
        ahead: Where it will end; ``None`` once it has.
        by_time: Along the x-axis is time, not steps.
        with_shadow: The shadow's own curves are drawn too.
    """

    view: RunView
    overlays: Sequence[Overlay] = ()
    ahead: Ahead | None = None
    by_time: bool = False
    with_shadow: bool = True

    @cached_property
    def curves(self) -> list[tuple[Curve, str]]:
        """Those that have a value, each with what it is of, those above others last."""
        view, found = self.view, []
        if self.with_shadow:
            found.append((self._curve(view.shadow, dashed=True), "shadow"))
        found.append((self._curve(view.train), "train"))
        for i, other in enumerate(self.overlays[:OVERLAYS], 1):
            name = chop_cells(other.name, LONGEST_NAME)[0] if other.name else "other"
            found.append((self._curve(other.series, name, mark=str(i)), f"other-{i}"))
        if self.with_shadow:
            found.append((self._curve(view.valid_shadow, mark="x"), "valid-shadow"))
        found.append((self._curve(view.valid, mark="o"), "valid"))
        return [(curve, name) for curve, name in found if np.isfinite(curve.values).any()]

    @property
    def whole(self) -> tuple[float, float]:
        """The ends of the x-axis: those of the run, which may lie ahead, however long others are.

        Without a curve of the run itself, those of the others; there is at least one.
        """
        own = [curve.steps for curve, name in self.curves if not name.startswith("other")]
        first, last = extent(own or [curve.steps for curve, _ in self.curves])
        if self.ahead is not None and own:
            last = max(last, self.ahead.seconds if self.by_time else self.ahead.step)
        return first, last

    @property
    def now(self) -> float | None:
        """Where a run that is at work is by now."""
        if self.ahead is None:
            return None
        series = (self.view.train, self.view.valid)
        return max((self._along(one)[-1] for one in series if len(one)), default=None)

    @property
    def best(self) -> tuple[float, float] | None:
        """The place and the loss of the best checkpoint."""
        valid, step, loss = self.view.valid, self.view.best_step, self.view.best_loss
        if step is None or loss is None:
            return None
        if not self.by_time:
            return step, loss
        found = int(np.searchsorted(np.asarray(valid.steps), step))
        return (valid.seconds[found], loss) if found < len(valid) else None

    def called(self, curve: Curve, *, brief: bool = False) -> str:
        """The mark and the name of a curve; whose it is only where the run has two of a kind.

        A run of a shadow by itself has one loss, which is nobody else's. A ``brief`` name stands
        behind that of its :meth:`kind`, and does not repeat it.
        """
        view, name, kind = self.view, curve.name, self.kind(curve)
        mark = curve.mark or ("╌" if curve.dashed else "─")
        if kind and not any(_is_known(one) for one in (view.shadow, view.valid_shadow)):
            return mark if brief else f"{mark} {kind}"
        return f"{mark} {name.removeprefix(f'{VALID} ') if brief else name}"

    def kind(self, curve: Curve) -> str:
        """Whether a curve is of training or of validation; empty for those of other runs."""
        if not curve.mark:
            return TRAIN
        return "" if curve.mark.isdigit() else VALID

    def _curve(
        self, series: Series, name: str | None = None, mark: str = "", *, dashed: bool = False
    ) -> Curve:
        along, values = np.asarray(self._along(series)), np.asarray(series.values)
        return Curve(name or series.name, along, values, mark, dashed)

    def _along(self, series: Series) -> Sequence[float]:
        return series.seconds if self.by_time else series.steps


def last_of(curve: Curve) -> float:
    """The last value that is a number; there is one."""
    return float(curve.values[np.flatnonzero(np.isfinite(curve.values))[-1]])


def _is_known(series: Series) -> bool:
    return bool(np.isfinite(np.asarray(series.values)).any())
