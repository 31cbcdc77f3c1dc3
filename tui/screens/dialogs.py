"""Questions that stand in front of a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from shadow_mlx.terminal import visible
from tui.widgets.field import Field
from tui.widgets.press_button import PressButton

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer | None]):
    """A question in front of a page; Escape gives no answer, and nothing changes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def action_cancel(self) -> None:
        """No answer."""
        self.dismiss(None)


class Choice(Dialog[str]):
    """A question with a few answers, each by key, by click, or with Tab and Enter.

    Args:
        question: The text.
        answers: (result, key, label). None of them has the focus: Enter changes nothing.
    """

    AUTO_FOCUS = "#answer-cancel"

    def __init__(self, question: str, answers: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._question = question
        self._answers = [*answers, ("", "escape", "Cancel")]
        for result, key, label in answers:
            self._bindings.bind(key, f"answer('{result}')", label)

    def compose(self) -> ComposeResult:
        """The question above its answers."""
        with Vertical(classes="dialog"):
            yield Static(visible(self._question), markup=False)
            with Horizontal(classes="answers"):
                for result, key, label in self._answers:
                    shown = "esc" if key == "escape" else key
                    yield PressButton(f"{label} ({shown})", id=f"answer-{result or 'cancel'}")

    def action_answer(self, result: str) -> None:
        """Give the answer."""
        self.dismiss(result)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """An answer by click or Enter."""
        result = (event.button.id or "").removeprefix("answer-")
        self.dismiss(None if result == "cancel" else result)


class LeaveDialog(Choice):
    """Asked when leaving while a run is at work or something is not saved."""

    def __init__(self, live: Sequence[Path], unsaved: Sequence[str]) -> None:
        lines, answers = [], []
        if live:
            names = ", ".join(path.name for path in live)
            lines.append(
                f"Training is at work ({names}). It goes on without this screen, and is "
                "here again when you come back."
            )
            answers.append(("leave", "k", "Keep it running"))
            answers.append(("stop", "s", "Stop and save it"))
        lines += unsaved
        if not live:
            answers.append(("leave", "l", "Leave"))
        super().__init__("\n".join(lines), answers)


class Ask(Dialog[str]):
    """A question with one line of text as its answer.

    Args:
        question: What is asked.
        value: The answer to begin with.
        search: It is a search: an empty answer is one too, and the former one is typed over.
        path: The answer is a path, which the field completes.
    """

    def __init__(
        self, question: str, value: str = "", *, search: bool = False, path: bool = False
    ) -> None:
        super().__init__()
        self._question, self._value, self._search, self._path = question, value, search, path

    def compose(self) -> ComposeResult:
        """The question above its field."""
        with Vertical(classes="dialog"):
            yield Static(visible(self._question), markup=False)
            yield Field(self._value, select_on_focus=self._search, path=self._path)

    def on_input_submitted(self, event: Field.Submitted) -> None:
        """Enter gives the answer."""
        answer = event.value.strip()
        self.dismiss(answer if answer or self._search else None)
