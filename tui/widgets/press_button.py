"""A button that can be pressed again at once."""

from __future__ import annotations

from typing import Any

from textual.widgets import Button


class PressButton(Button):
    """Textual's shows for a fifth of a second that it was pressed, and is deaf meanwhile.

    A key that is typed ahead has its effect when the last one has had its own, and not none.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.active_effect_duration = 0
