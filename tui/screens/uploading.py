"""What would go to the hub, for a person to look at before strangers do."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Markdown, Static

from shadow_mlx.config import PushConfig
from shadow_mlx.terminal import visible
from shadow_mlx.worker import messages as m
from tui.screens.dialogs import Dialog
from tui.views import delivery
from tui.widgets.press_button import PressButton


class UploadDialog(Dialog[str]):
    """The files, what speaks against it, and the model card; then the question.

    Enter uploads nothing: the answer that has the focus is the one that changes nothing.

    Args:
        found: What would be uploaded.
        config: The options of the upload; a dry run is only looked at.
    """

    AUTO_FOCUS = "#answer-cancel"
    DEFAULT_CSS = """
    UploadDialog #what { text-style: bold; padding: 0 1; }
    UploadDialog #files { padding: 0 1 1 1; color: $text-muted; }
    UploadDialog #seen { height: 1fr; margin: 1 0; background: $panel; }
    UploadDialog Markdown { padding: 0 1; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "upload", "Upload"),
        Binding("up", "turn('scroll_up')", "Up", show=False),
        Binding("down", "turn('scroll_down')", "Down", show=False),
        Binding("pageup", "turn('scroll_page_up')", "Page up", show=False),
        Binding("pagedown", "turn('scroll_page_down')", "Page down", show=False),
    ]

    def __init__(self, found: m.Published, config: PushConfig) -> None:
        super().__init__()
        self._found, self._config = found, config

    def compose(self) -> ComposeResult:
        """From what is short to what is long, and the answers."""
        found, config = self._found, self._config
        seen = "private" if config.private else "public"
        what = f"This {found.kind} would go to {found.repo} ({seen}, if it is new):"
        notes = "\n".join(f"! {note}" for note in found.notes)
        with Vertical(classes="dialog tall"):
            yield Static(visible(what), id="what", markup=False)
            if notes:
                yield Static(visible(notes), classes="problem", markup=False)
            with VerticalScroll(id="seen", can_focus=False):
                yield Static(visible(delivery.files(found)), id="files", markup=False)
                card = delivery.card_as_markdown(found.card) or "*There is no model card.*"
                yield Markdown(visible(card), open_links=False)
            with Horizontal():
                if not config.dry_run:
                    yield PressButton("Upload (y)", compact=True, id="answer-upload")
                yield PressButton("Cancel (esc)", compact=True, id="answer-cancel")

    def action_upload(self) -> None:
        """Yes."""
        if not self._config.dry_run:
            self.dismiss("upload")

    def action_turn(self, how: str) -> None:
        """Move through files and card, whichever button has the focus."""
        getattr(self.query_one("#seen"), how)(animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer by click or Enter."""
        if event.button.id == "answer-upload":
            self.action_upload()
        else:
            self.dismiss(None)
