"""The run that is chosen in a list: its curve, its settings, its last answers, what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.listing import RunSummary
from tui.views.plot import Look
from tui.views.run_card import Lines
from tui.widgets.chart import LossChart
from tui.widgets.pairs import pairs


class RunDetail(VerticalScroll):
    """Shows what it is given; a part that has nothing to say takes no room.

    Args:
        chart: How the curve is drawn, as it is remembered.

    Attributes:
        about: The run that is shown.
    """

    DEFAULT_CSS = """
    RunDetail { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
    RunDetail Static { height: auto; margin-bottom: 1; }
    RunDetail LossChart { height: 1fr; min-height: 9; max-height: 18; margin-bottom: 1; }
    RunDetail #card-title { margin-bottom: 0; }
    """

    def __init__(self, chart: Mapping[str, Any]) -> None:
        super().__init__(can_focus=False)
        self.about: RunSummary | None = None
        looks = {name: chart[name] for name in ("log", "smoothing") if name in chart}
        self._chart = LossChart(Look(**looks))
        self._chart.can_focus = False
        self._chart.HELP = ""  # type: ignore[misc]  # its keys are of the run's own page
        self._shown: dict[str, object] = {}

    def compose(self) -> ComposeResult:
        """Who it is, what comes next, the curve, the facts, an example."""
        for name in ("title", "next"):
            yield Static(id=f"card-{name}", markup=False)
        yield self._chart
        for name in ("facts", "sample"):
            yield Static(id=f"card-{name}", markup=False)

    def show(self, view: RunView, **texts: Text | str | Lines) -> None:
        """Show a run.

        Args:
            view: Its record, for the curve.
            texts: What stands in ``title``, ``facts``, ``sample`` and ``next``.
        """
        for name, content in texts.items():
            said = (content.plain, content.spans) if isinstance(content, Text) else content
            if self._shown.get(name) == said:
                continue
            self._shown[name] = said
            part = self.query_one(f"#card-{name}", Static)
            part.update(pairs(content) if isinstance(content, list) else content)
            part.display = bool(content)
        curve = (view.version, view.started)
        if self._shown.get("curve") != curve:
            self._shown["curve"] = curve
            self._chart.display = len(view.train) + len(view.valid) > 0
            self._chart.show(view)
