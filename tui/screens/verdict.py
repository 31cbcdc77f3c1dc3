"""What the training form means: how long the run is, whether it fits, what speaks against it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from textual import work
from textual.widgets import Static

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.reading.extent import records_in
from shadow_mlx.terminal import visible
from tui.child import Children
from tui.screens import judging
from tui.screens.judging import Judgement
from tui.views import form
from tui.views.extent import extent
from tui.views.pace import Pace, pace_of

QUIET_SECONDS = 0.4
"""How long the form must rest before it is judged."""
SHOWN = 3
"""Problems that are listed."""


class Verdict(Static):
    """Lines about the run that would start now, which come as they come to be known.

    Args:
        processes: The children; the data's is asked.

    Attributes:
        judgement: What speaks against the run, as far as it is known.
        complete: Set when no more will be said of it.
    """

    def __init__(self, processes: Children, *, id: str) -> None:
        super().__init__(id=id, markup=False)
        self.judgement = Judgement()
        self.complete = asyncio.Event()
        self._processes = processes
        self._config: TrainConfig | None = None
        self._judged: TrainConfig | None = None  # of which the judgement is
        self._records: dict[str, tuple[int, int] | None] = {}
        self._paces: dict[str, Pace | None] = {}  # by backbone

    def forget(self) -> None:
        """Files may have changed, and a run more may be known."""
        self._judged = None
        self._records.clear()
        self._paces.clear()

    def complain(self, problems: Mapping[str, str]) -> None:
        """There is no run: say why."""
        self._config = None
        self.update(visible(form.told(problems, SHOWN)))

    def consider(self, config: TrainConfig, runs: tuple[str, ...]) -> None:
        """Tell of this run; ``runs`` are the earlier ones that are remembered."""
        self._config = config
        self._draw()
        self._measure(config, runs)
        if config != self._judged:
            self._judged, self.judgement = config, Judgement()
            self.complete.clear()
            self._judge(config)

    @work(exclusive=True, group="measure")
    async def _measure(self, config: TrainConfig, runs: tuple[str, ...]) -> None:
        """Count the examples, so that steps and epochs can be told; and see how long they take."""
        data, model = config.data or "", config.model
        if data not in self._records:
            self._records[data] = await asyncio.to_thread(records_in, data)
        if model and model not in self._paces:
            self._paces[model] = await asyncio.to_thread(pace_of, model, runs, Path.cwd())
        self._draw()

    @work(exclusive=True, group="judge")
    async def _judge(self, config: TrainConfig) -> None:
        """Find out what speaks against the run, in the child."""
        await asyncio.sleep(QUIET_SECONDS)
        async for judgement in judging.judge(self._processes["data"], config):
            self.judgement = judgement
            self._draw()
        self.complete.set()

    def _draw(self) -> None:
        if self._config is None:
            return
        records = self._records.get(self._config.data or "")
        pace = self._paces.get(self._config.model or "")
        judged = self.judgement
        ready = "" if judged.trouble else "Ready. " if judged.finished else "… "
        lines = [ready + extent(self._config, records, pace), *judged.lines()]
        self.update(visible("\n".join(lines)))
