"""Every option of a command, asked for in front of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from shadow_mlx.config.option import Options
from shadow_mlx.terminal import visible
from tui.screens.dialogs import Dialog
from tui.views import form
from tui.widgets.option_form import OptionForm
from tui.widgets.press_button import PressButton

SomeOptions = TypeVar("SomeOptions", bound=Options)

SHOWN = 2
"""Problems that are told at once."""


class FormDialog(Dialog[SomeOptions], Generic[SomeOptions]):
    """A form of a group's options; gives them back when nothing is wrong with them.

    Args:
        group: The options.
        values: Those that are not the default.
        title: What it is for.
        button: What taking them means.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r", "keep", "Use these")]

    def __init__(
        self, group: type[SomeOptions], values: Mapping[str, Any], *, title: str, button: str
    ) -> None:
        super().__init__()
        self._group, self._title, self._button = group, title, button
        texts = {name: form.to_text(value) for name, value in values.items()}
        self._form = OptionForm(group, texts, id="form")

    def compose(self) -> ComposeResult:
        """The form, what the option is that has the focus, and what is wrong."""
        with Vertical(classes="dialog form"):
            yield Static(self._title)
            yield self._form
            yield Static(id="help", markup=False)
            yield Static(id="wrong", markup=False, classes="problem")
            yield PressButton(
                f"{self._button} (enter; esc: no change)", id="keep", variant="primary"
            )

    def on_mount(self) -> None:
        """Explain the option that has the focus; the many other rows come after the first paint."""
        self.watch(self, "focused", self._explain)
        self.call_after_refresh(self._form.show_all)

    def _explain(self) -> None:
        self.query_one("#help", Static).update(self._form.explained())

    def on_option_row_changed(self) -> None:
        """Say at once what is wrong."""
        self._filled_in()

    def _filled_in(self) -> tuple[SomeOptions | None, dict[str, str]]:
        options, problems = form.filled_in(self._group, self._form.texts)
        self._form.complain(problems)
        self.query_one("#wrong", Static).update(visible(form.told(problems, SHOWN)))
        return options, problems

    async def action_keep(self) -> None:
        """Give the options back, or go to what is wrong."""
        options, problems = self._filled_in()
        if options is not None:
            self.dismiss(options)
            return
        self.app.bell()
        if names := [name for name in problems if name]:
            await self._form.go_to(names[0])

    async def on_input_submitted(self) -> None:
        """Enter in any field."""
        await self.action_keep()

    async def on_button_pressed(self) -> None:
        """As Enter."""
        await self.action_keep()
