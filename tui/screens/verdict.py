"""What the training form means: how long the run takes, whether it fits, what it learns from."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from shadow_mlx.config import TrainConfig
from shadow_mlx.data.reading.extent import records_in
from shadow_mlx.terminal import visible
from tui.child import Children
from tui.screens import judging
from tui.screens.judging import Judgement
from tui.views import form
from tui.views.extent import extent
from tui.views.pace import Pace, StepPace, pace_of
from tui.widgets.verdict_line import VerdictLine

QUIET_SECONDS = 0.4
"""How long the form must rest before it is judged."""
SHOWN = 3
"""Problems that are listed."""


class Verdict(Vertical):
    """Time, memory and data of the run that would start now, as they come to be known.

    Args:
        processes: The children; the data's is asked.

    Attributes:
        judgement: What speaks against the run, as far as it is known.
        complete: Set when no more will be said of it.
    """

    DEFAULT_CSS = """
    Verdict { height: auto; }
    Verdict #problems { height: auto; padding: 0 1; color: $text-error; display: none; }
    Verdict.-wrong #problems { display: block; }
    Verdict.-wrong VerdictLine { display: none; }
    """

    class Said(Message):
        """There is something new: whether the run can start, in a few words."""

        def __init__(self, state: str) -> None:
            super().__init__()
            self.state = state

    def __init__(self, processes: Children, *, id: str) -> None:
        super().__init__(id=id)
        self.judgement = Judgement()
        self.complete = asyncio.Event()
        self._processes = processes
        self._config: TrainConfig | None = None
        self._judged: TrainConfig | None = None  # of which the judgement is
        self._trying = False  # whether a step is measured now
        self._records: dict[str, tuple[int, int] | None] = {}
        self._paces: dict[str, Pace | None] = {}  # by backbone
        self._tried: dict[TrainConfig, StepPace | None] = {}

    def compose(self) -> ComposeResult:
        """Three lines, or what is wrong."""
        yield VerdictLine("Time", id="time")
        yield VerdictLine("Memory", id="memory")
        yield VerdictLine("Data", id="data")
        yield Static(id="problems", markup=False)

    def forget(self) -> None:
        """Files may have changed, and a run more may be known."""
        self._judged = None
        self._records.clear()
        self._paces.clear()

    def rest(self) -> None:
        """Nobody looks: measure nothing."""
        self.workers.cancel_group(self, "judge")
        self._judged = None

    def complain(self, problems: Mapping[str, str]) -> None:
        """There is no run: say why."""
        self._config = None
        self.query_one("#problems", Static).update(visible(form.told(problems, SHOWN)))
        self.set_class(True, "-wrong")
        self.post_message(self.Said("Not yet."))

    def consider(self, config: TrainConfig, runs: tuple[str, ...]) -> None:
        """Tell of this run; ``runs`` are the earlier ones that are remembered."""
        self._config = config
        self.set_class(False, "-wrong")
        if config != self._judged:
            self._judged, self.judgement = config, Judgement()
            self.complete.clear()
            self._judge(config, runs)
        self._draw()

    @work(exclusive=True, group="judge")
    async def _judge(self, config: TrainConfig, runs: tuple[str, ...]) -> None:
        """Find out how long it takes and what speaks against it; the heavier part in the child."""
        self._trying = False
        await self._measure(config, runs)
        await asyncio.sleep(QUIET_SECONDS)
        async for judgement in judging.judge(self._processes["data"], config):
            self.judgement = judgement
            self._draw()
        self.complete.set()
        await self._try(config)

    async def _measure(self, config: TrainConfig, runs: tuple[str, ...]) -> None:
        """Count the examples, so that steps and epochs can be told; and see how long they take."""
        data, model = config.data or "", config.model
        if data not in self._records:
            self._records[data] = await asyncio.to_thread(records_in, data)
        if model and model not in self._paces:
            self._paces[model] = await asyncio.to_thread(pace_of, model, runs, Path.cwd())
        self._draw()

    async def _try(self, config: TrainConfig) -> None:
        """Where no earlier run tells the pace, a step does that is tried, if it surely fits."""
        known = self._paces.get(config.model or "") or config in self._tried
        if known or not config.model or self.judgement.trouble or not self._counted(config):
            return
        self._trying = True
        self._draw()
        try:
            seconds = await judging.tried(self._processes["data"], config)
        finally:
            self._trying = False
        self._tried[config] = StepPace(seconds) if seconds else None
        self._draw()

    def _counted(self, config: TrainConfig) -> tuple[int, int] | None:
        return self._records.get(config.data or "")

    def _draw(self) -> None:
        config = self._config
        if config is None or not self.is_mounted:
            return
        judged = self.judgement
        time, memory, data = self.query(VerdictLine)
        if (records := self._counted(config)) is None:
            time.tell("·", "known when the run starts, which looks at the data.")
            data.tell("·", "The data are looked at when the run starts.")
        else:
            pace = self._paces.get(config.model or "") or self._tried.get(config)
            told = extent(config, records, pace)
            sign = "✔" if told.time else "…" if self._trying or not judged.finished else "·"
            takes = told.time or ("A step is tried, to tell the time." if self._trying else "")
            time.tell(sign, f"{takes} {told.length}.".strip())
            data.tell("✔" if judged.finished else "…", f"{told.examples}.")
        if judged.data:
            data.tell("!", "\n".join(judged.data))
        sign, _, said = judged.memory.partition(" ")
        memory.tell(sign or ("·" if judged.finished else "…"), said or "not known yet.")
        ready = "Ready." if judged.finished else "… is looked at"
        self.post_message(self.Said("Asks before it starts." if judged.trouble else ready))
