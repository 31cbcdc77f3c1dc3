"""What can be done with a run of a list: name it, write on it, mark it, discard it, look at it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.labels import relabel
from shadow_mlx.runs.listing import RunSummary, last_change
from shadow_mlx.runs.record import EventReader
from shadow_mlx.runs.settings import settings_of
from tui.screens.dialogs import Ask, Choice
from tui.screens.filtering import FilteredPage
from tui.views import run_card
from tui.views.run_list import name_of

if TYPE_CHECKING:
    from shadow_mlx.config import TrainConfig
    from tui.widgets.run_detail import RunDetail

READERS = 4
"""Records that are kept as they were read: a run that is looked at again is there at once."""

QUIET_SECONDS = 0.08
"""How long the cursor must rest on a run before its record is read."""

WATCH_SECONDS = 0.5

NEED_A_RUN = ("name", "note", "mark", "discard")


class ManagingPage(FilteredPage):
    """A page with a list of runs, one of which is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "name", "Name", id="home-name"),
        Binding("w", "note", "Note", id="home-note"),
        Binding("m", "mark", "Mark", id="home-mark"),
        Binding("x", "discard", "Discard", id="home-discard"),
        Binding("u", "undo", "Bring back", id="home-undo"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._readers: dict[Path, EventReader] = {}
        self._settings: dict[Path, tuple[float, TrainConfig | None]] = {}
        self._detailed: RunSummary | None = None

    @property
    def chosen(self) -> RunSummary | None:
        """The run that all this is about."""
        raise NotImplementedError

    @property
    def has_detail(self) -> bool:
        """Whether there is room for more about a run."""
        raise NotImplementedError

    def look_again(self) -> None:
        """Something changed that the list shows."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What needs a run needs one; only what was discarded can be brought back."""
        if action in NEED_A_RUN:
            one = self.chosen if self.is_mounted else None
            return one is not None and not (action == "discard" and one.status == "running")
        if action == "undo":
            return len(self.ui.trash) > 0
        return super().check_action(action, parameters)

    def action_name(self) -> None:
        """Call it something."""
        if one := self.chosen:
            self._ask(f"A name for {one.folder.name} (empty: none)", one, "name", one.labels.name)

    def action_note(self) -> None:
        """Write something on it."""
        if one := self.chosen:
            self._ask(f"A note on {name_of(one)} (empty: none)", one, "note", one.labels.note)

    def action_mark(self) -> None:
        """Give it a star, or take it away."""
        if one := self.chosen:
            self._change(lambda: relabel(one.folder, marked=not one.labels.marked))

    def _ask(self, question: str, one: RunSummary, label: str, value: str) -> None:
        def then(answer: str | None) -> None:
            if answer is not None:
                given: dict[str, Any] = {label: answer}
                self._change(lambda: relabel(one.folder, **given))

        self.put(Ask(question, value, search=True), then)

    def action_discard(self) -> None:
        """Take it away, after a question."""
        one = self.chosen
        if one is None:
            return
        folder = one.folder
        question = (
            f"Discard {name_of(one)}, with its adapter and checkpoints?\n{folder}\n"
            "u brings it back, until you leave the program."
        )

        def then(choice: str | None) -> None:
            if choice is not None:
                self._change(lambda: self.ui.trash.discard(folder), self._forget_shown(folder))

        self.put(Choice(question, [("discard", "y", "Discard it")]), then)

    def _forget_shown(self, folder: Path) -> Callable[[], None]:
        def forget() -> None:
            self.ui.tell(f"{folder.name} is discarded; u brings it back.")
            if self.ui.run_shown == folder:
                self.ui.close_run()
                self.app.switch_mode(self.NAME)

        return forget

    def action_undo(self) -> None:
        """Bring back what was discarded last."""
        last = self.ui.trash.last
        if last is not None:
            said = f"{last.name} is back."
            self._change(self.ui.trash.undo, lambda: self.ui.tell(said))

    @work(group="change")
    async def _change(
        self, change: Callable[[], object], then: Callable[[], None] = lambda: None
    ) -> None:
        """Change something on disk, and show it."""
        try:
            await asyncio.to_thread(change)
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        self.look_again()
        then()

    def detail_of(self, run: RunSummary | None) -> None:
        """Show more about a run, where there is room."""
        if not self.has_detail or run is None:
            self._detailed = None
            self.workers.cancel_group(self, "detail")
        elif run != self._detailed:
            self._detailed = run
            self._follow(run)

    @work(exclusive=True, group="detail")
    async def _follow(self, run: RunSummary) -> None:
        """Read its record, and show it as it grows."""
        await asyncio.sleep(QUIET_SECONDS)
        detail = await self._detail()
        reader = self._reader(run.folder)
        while True:
            fresh = False
            while await asyncio.to_thread(reader.read):
                fresh = True
            config = await asyncio.to_thread(self._settings_of, run.folder)
            if fresh or detail.about != run:
                view = reader.fold.snapshot()
                detail.about = run
                ways = ("chat", "compare", "export")
                possible = [action for action in ways if self.check_action(action, ())]
                detail.show(
                    view,
                    title=run_card.title(run),
                    facts=run_card.facts(run, view, config),
                    sample=run_card.sample(view),
                    next=run_card.following(run, view, possible),
                )
            if run.status != "running":  # another look at the list finds what changed
                return
            await asyncio.sleep(WATCH_SECONDS)

    async def _detail(self) -> RunDetail:
        """The pane, made when it is first shown: numpy is behind it, and the first paint is not."""
        module = await asyncio.to_thread(importlib.import_module, "tui.widgets.run_detail")
        place = self.query_one("#detail", Vertical)
        found: list[RunDetail] = list(place.query(module.RunDetail))
        if found:
            return found[0]
        detail: RunDetail = module.RunDetail(self.ui.state.chart)
        await place.mount(detail)
        return detail

    def _reader(self, folder: Path) -> EventReader:
        """The reader of a record, where it stopped the last time."""
        reader = self._readers.pop(folder, None) or EventReader(folder)
        self._readers[folder] = reader
        while len(self._readers) > READERS:
            del self._readers[next(iter(self._readers))]
        return reader

    def _settings_of(self, folder: Path) -> TrainConfig | None:
        """In a thread: the run's settings, read again when it says something new."""
        changed = last_change(folder)
        if folder not in self._settings or self._settings[folder][0] != changed:
            self._settings[folder] = (changed, settings_of(folder))
        return self._settings[folder][1]
