"""What can be done with a run: stop, pause, resume and discard it, and go on with what it made."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from shadow_mlx.config.paths import from_here
from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.runs.curves import RunView
from shadow_mlx.runs.folder import holds_adapter
from shadow_mlx.runs.launching import free_folder, launch
from shadow_mlx.runs.listing import status_of
from shadow_mlx.runs.live import is_live, send
from shadow_mlx.runs.settings import data_settings_of, settings_of
from tui.screens.base import Page
from tui.screens.dialogs import Choice


class SteeringPage(Page):
    """A page of one run at a time, with the keys that steer it.

    Attributes:
        folder: The run's.
        view: What its record says so far.
        live: Whether its process is at work.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "stop", "Stop+save", id="run-stop"),
        Binding("p", "pause", "Pause", id="run-pause"),
        Binding("r", "resume", "Resume", id="run-resume"),
        Binding("c", "chat", "Chat", id="run-chat"),
        Binding("v", "compare", "Compare", id="run-compare"),
        Binding("D", "distil", "Distil", tooltip="Teach the shadow alone", id="run-distil"),
        Binding("e", "export", "Export", tooltip="A model of its own", id="run-export"),
        Binding("t", "again", "Again", tooltip="Train again with these settings", id="run-again"),
        Binding("x", "discard", "Discard", id="run-discard"),
    ]

    def steer(self, folder: Path) -> None:
        """Steer another run, of which nothing is known yet."""
        self.folder, self.view, self.live = folder, RunView(), False
        self._told = ""  # what the run was told to do last: stop or pause

    @property
    def status(self) -> str:
        """The run's state in a word."""
        if self.view.ended is None and not self.live and self._starting:
            return "starting"
        return status_of(self.view, self.live)

    @property
    def asked(self) -> str:
        """What the run was told to do, until it does it: it ends its step first."""
        done = self._told == "pause" and self.view.phase == "paused"
        return self._told if self.working and not done else ""

    @property
    def working(self) -> bool:
        """Whether its process is at work, and the record has no end yet."""
        return self.live and self.view.ended is None

    def heed(self) -> None:
        """An order is carried out with the run's end: one that goes on later has none."""
        if not self.working:
            self._told = ""

    @property
    def _starting(self) -> bool:
        """Launched from here, and its process has not taken the folder yet."""
        launched = self.ui.launched.get(self.folder)
        return launched is not None and launched.process.returncode is None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense now is in the footer."""
        running = self.working
        if action in ("stop", "pause"):
            return running and self.asked != "stop"
        if action == "resume":
            over = ("interrupted", "stopped", "failed")
            resumable = self.status in over and not self._starting
            return resumable and self.view.saved_step is not None
        if action == "discard":
            return not self._starting or running
        if action in ("distil", "export") and running:
            return False
        if action in ("chat", "compare", "distil", "export"):
            return holds_adapter(self.folder)
        return True

    def action_stop(self) -> None:
        """Stop at the end of the step, and save."""
        if send(self.folder, "stop"):
            self._tell("stop")
            self.ui.tell("The run ends with this step and saves. r goes on later.")

    def action_pause(self) -> None:
        """Pause before the next step, or go on."""
        going_on = self.view.phase == "paused" or self.asked == "pause"
        send(self.folder, "resume" if going_on else "pause")
        self._tell("" if going_on else "pause")
        if not going_on:
            self.ui.tell("The run pauses after this step; p goes on.")

    def _tell(self, told: str) -> None:
        """Remember what the run was told, and show it at once."""
        self._told = told
        self.draw_state()
        self.refresh_bindings()

    def draw_state(self) -> None:
        """Show what the run does now."""
        raise NotImplementedError

    async def action_resume(self) -> None:
        """Go on where a stopped or killed run was saved."""
        config = settings_of(self.folder)
        if config is None:
            self.ui.tell("The run's settings cannot be read; it cannot be resumed here.", "error")
            return
        config = dataclasses.replace(config, adapter_path=str(self.folder))
        try:
            self.ui.launched[self.folder] = await launch(config, resume=True)
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")

    def action_discard(self) -> None:
        """Stop the run and remove what it wrote, after a question."""
        question = f"Remove the run in {self.folder}, with its adapter and checkpoints?"

        def decide(choice: str | None) -> None:
            if choice == "remove":
                self._discard()

        self.app.push_screen(Choice(question, [("remove", "y", "Remove it")]), decide)

    @work(exclusive=True, group="discard")
    async def _discard(self) -> None:
        send(self.folder, "stop")
        while await asyncio.to_thread(is_live, self.folder):
            await asyncio.sleep(0.1)
        try:
            await asyncio.to_thread(self.ui.trash.discard, self.folder)
        except ShadowMLXError as error:
            self.ui.tell(str(error), "error")
            return
        self.ui.tell(f"{self.folder.name} is discarded; u on the first page brings it back.")
        self.ui.close_run()

    async def action_chat(self) -> None:
        """Chat with the adapter."""
        if self._has_adapter():
            await self.ui.chat_with(self.folder)

    async def action_compare(self) -> None:
        """Compare the adapter with the untuned model."""
        if self._has_adapter():
            await self.ui.compare_with(self.folder)

    async def action_export(self) -> None:
        """Go on to the export of the adapter's detached model."""
        if self._has_adapter():
            await self.ui.deliver(self.folder)

    async def action_distil(self) -> None:
        """Fill the form for a run of the shadow alone, taught by the attached model."""
        if not self._has_adapter():
            return
        adapter = str(self.folder)
        await self.ui.train_with(
            {
                **data_settings_of(self.folder),
                "objective": "pretrain",
                "shadow": adapter,
                "teacher": adapter,
                "answers": "missing",
                "adapter_path": free_folder("shadow"),
            }
        )

    def _has_adapter(self) -> bool:
        if holds_adapter(self.folder):
            return True
        self.ui.tell("There is no adapter yet: it appears with the first checkpoint.", "warning")
        return False

    async def action_again(self) -> None:
        """Fill the form with this run's settings, for a folder of its own."""
        config = settings_of(self.folder)
        values: dict[str, Any] = config.to_mapping() if config else {}
        values["adapter_path"] = free_folder(from_here(values.get("adapter_path") or "adapters"))
        await self.ui.train_with(values)
