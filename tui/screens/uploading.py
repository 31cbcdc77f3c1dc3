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


class UploadDialog(Dialog[str]):
    """The files, what speaks against it, and the model card; then the question.

    Enter uploads nothing: the answer that has the focus is the one that changes nothing.

    Args:
        found: What would be uploaded.
        config: The options of the upload; a dry run is only looked at.
    """

    AUTO_FOCUS = "#answer-cancel"
    DEFAULT_CSS = """
    UploadDialog .dialog { width: 100; height: 90%; padding: 0 1; }
    UploadDialog #what { text-style: bold; }
    UploadDialog #files { padding: 0 2; color: $text-muted; }
    UploadDialog #card { height: 1fr; margin-top: 1; background: $panel; }
    UploadDialog Markdown { padding: 0 1; background: transparent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "upload", "Upload"),
        Binding("up", "turn('scroll_up')", "Card up", show=False),
        Binding("down", "turn('scroll_down')", "Card down", show=False),
        Binding("pageup", "turn('scroll_page_up')", "Card page up", show=False),
        Binding("pagedown", "turn('scroll_page_down')", "Card page down", show=False),
    ]

    def __init__(self, found: m.Published, config: PushConfig) -> None:
        super().__init__()
        self._found, self._config = found, config

    def compose(self) -> ComposeResult:
        """From what is short to what is long, and the answers."""
        found, config = self._found, self._config
        seen = "a private repository, if it is new" if config.private else "everybody can see it"
        with Vertical(classes="dialog"):
            yield Static(
                visible(f"To {found.repo}: this {found.kind}; {seen}"), id="what", markup=False
            )
            yield Static(visible(delivery.files(found)), id="files", markup=False)
            notes = "\n".join(f"! {note}" for note in found.notes)
            yield Static(visible(notes), classes="problem", markup=False)
            with VerticalScroll(id="card", can_focus=False):
                card = delivery.card_as_markdown(found.card) or "*There is no model card.*"
                yield Markdown(visible(card), open_links=False)
            with Horizontal(classes="answers"):
                if not config.dry_run:
                    yield Button("Upload (y)", id="answer-upload")
                yield Button("Cancel (esc)", id="answer-cancel")

    def action_upload(self) -> None:
        """Yes."""
        if not self._config.dry_run:
            self.dismiss("upload")

    def action_turn(self, how: str) -> None:
        """Move the card, whichever button has the focus."""
        getattr(self.query_one("#card"), how)(animate=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer by click or Enter."""
        if event.button.id == "answer-upload":
            self.action_upload()
        else:
            self.dismiss(None)
