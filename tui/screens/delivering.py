"""What a page does that has the worker's child at work for a while: steps, a stop, an outcome."""

from __future__ import annotations

from shadow_mlx.worker import messages as m
from tui.child import ChildError
from tui.screens.base import Page
from tui.views import delivery
from tui.views.delivery import Outcome, Way


class DeliveringPage(Page):
    """One delivery at a time, in the child that is for them."""

    def __init__(self) -> None:
        super().__init__()
        self._said: list[str] = []  # steps of what is at work
        self._counting = False  # whether the last of them says how far it is
        self.busy: Way | None = None
        self._number, self._stopping = 0, False

    def draw_outcome(self) -> None:
        """Show what is at work, or what came of it."""
        raise NotImplementedError

    def tell_outcome(self, way: Way, outcome: Outcome) -> None:
        """Keep and show what came of it."""
        raise NotImplementedError

    @property
    def doing(self) -> tuple[str, ...]:
        """What is at work, and its steps; empty for nothing."""
        if self.busy is None:
            return ()
        state = "stopping" if self._stopping else f"{self.busy.doing} (esc stops)"
        return (f"… {state}", delivery.steps(self._said))

    def stop_work(self) -> None:
        """Have what is at work end early."""
        self._stopping = True
        self.draw_outcome()
        self.ui.processes["delivery"].stop(self._number)

    async def ask(self, way: Way, options: dict[str, object]) -> m.Reply | None:
        """Have the child do it; its final reply, or ``None`` where it was stopped or failed."""
        assert way.request is not None
        child = self.ui.processes["delivery"]
        self.busy, self._said, self._number = way, [], child.number()
        self._stopping = self._counting = False
        self.ui.unsaved[self.NAME] = f"The {way.name} is at work; it ends with this program."
        self.draw_outcome()
        last: m.Reply | None = None
        try:
            async for reply in child.ask(way.request(self._number, options)):
                if isinstance(reply, m.Progress):
                    self._say(reply)
                    self.draw_outcome()
                last = reply
        except ChildError as error:
            self._finish()
            self.tell_outcome(way, delivery.failed(str(error)))
            return None
        self._finish()
        if isinstance(last, m.Done):
            self.tell_outcome(way, delivery.stopped(way))
            return None
        return last

    def _say(self, now: m.Progress) -> None:
        """The next step, or how far this one is."""
        if now.total and self._counting:
            self._said.pop()
        self._counting = bool(now.total)
        self._said.append(now.what)

    def _finish(self) -> None:
        self.busy = None
        self.ui.unsaved.pop(self.NAME, None)
        self.draw_outcome()
