"""Settings of a chat: the system message and how answers are sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Button, Static

from shadow_mlx.config import SamplingConfig
from tui.screens.dialogs import Dialog
from tui.views import form
from tui.widgets.field import Field
from tui.widgets.option_row import OptionRow


@dataclass(frozen=True)
class ChatSettings:
    """What the dialog gives back. ``sampling`` holds only what is not the default."""

    system: str
    sampling: dict[str, Any]


class SettingsDialog(Dialog[ChatSettings]):
    """The fields come from ``SamplingConfig``'s declarations."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "keep", "Use these"),
    ]

    def __init__(self, settings: ChatSettings) -> None:
        super().__init__()
        self._settings = settings

    def compose(self) -> ComposeResult:
        """System message, then one row for each option of sampling."""
        with Vertical(classes="dialog"):
            yield Static("System message")
            yield Field(self._settings.system, placeholder="none", compact=True, id="system")
            with VerticalScroll(id="sampling", can_focus=False):
                for field in form.fields(SamplingConfig):
                    value = form.to_text(self._settings.sampling.get(field.name))
                    yield OptionRow(field, value)
            yield Static("", id="wrong", markup=False, classes="problem")
            yield Button("Use these (ctrl+r)", id="keep", variant="primary")

    def on_mount(self) -> None:
        """Make room for the rows."""
        self.query_one("#sampling").styles.height = min(12, max(4, self.app.size.height - 12))

    def _texts(self) -> Mapping[str, str]:
        return {row.field.name: row.value for row in self.query(OptionRow)}

    def on_option_row_changed(self) -> None:
        """Say at once what is wrong."""
        _, problems = form.sampling_of(self._texts())
        for row in self.query(OptionRow):
            row.complain(problems.get(row.field.name, ""))

    def action_keep(self) -> None:
        """Give the settings back, when nothing is wrong with them."""
        sampling, problems = form.sampling_of(self._texts())
        if sampling is None:
            self.query_one("#wrong", Static).update("\n".join(problems.values()))
            return
        self.dismiss(ChatSettings(self.query_one("#system", Field).value.strip(), sampling))

    def on_button_pressed(self) -> None:
        """As the key."""
        self.action_keep()
