"""A field of one line that loses nothing of what is typed or pasted."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class Field(Input):
    """As Textual's, which takes only the first line of what is pasted."""

    def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.write(event.text)

    def write(self, text: str) -> None:
        """Put text in the place of what is selected; its lines are joined."""
        joined = " ".join(text.split("\n")).strip() if "\n" in text else text
        start, end = sorted(self.selection)
        self.replace(joined, start, end)
