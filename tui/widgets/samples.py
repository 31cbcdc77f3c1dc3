"""What the run answers to a validation example, step by step, beside what is expected."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from shadow_mlx.runs.events import Sampled
from shadow_mlx.terminal import visible
from tui.views.comparison import differing
from tui.views.palette import GOOD, way

Steps = tuple[tuple[Sampled, ...], ...]
LEAST_WIDTH = 84
"""Columns that three answers side by side need."""

COLUMNS = ("expected", "attached", "detached")


class SamplePane(Vertical):
    """One example at one step: the newest until another one is asked for."""

    DEFAULT_CSS = """
    SamplePane { height: auto; max-height: 50%; padding: 0 1; border-top: solid $panel-lighten-2; }
    SamplePane .asked { height: 1; text-style: bold; }
    SamplePane .asked, SamplePane.-compact .answers Static {
        text-wrap: nowrap; text-overflow: ellipsis;
    }
    SamplePane .answers { height: auto; }
    SamplePane .answers Static { width: 1fr; height: auto; padding-right: 2; }
    SamplePane.-compact { border-top: none; }
    SamplePane.-compact .answers { layout: vertical; }
    SamplePane.-compact .answers Static { width: 100%; height: 1; padding: 0; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._steps: Steps = ()
        self._step: int | None = None  # None: follow the newest
        self._example = 0
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """A line that says what is asked; the answers below it."""
        yield Static(classes="asked", markup=False)
        with Horizontal(classes="answers"):
            for name in COLUMNS:
                yield Static(classes=name, markup=False)

    def begin(self) -> None:
        """Another run comes: its newest answers."""
        self._steps, self._step, self._example = (), None, 0

    def show(self, steps: Steps) -> None:
        """The answers of all steps so far."""
        self._steps = steps
        self._draw()

    def turn(self, by: int) -> None:
        """So many validations later; behind the newest one, follow it again."""
        if self._steps:
            at = max(0, self._at + by)
            self._step = self._steps[at][0].step if at < len(self._steps) - 1 else None
            self._draw()

    def next_example(self) -> None:
        """Another example of the same step."""
        self._example += 1
        self._draw()

    def on_resize(self) -> None:
        """In a narrow pane each answer is one line."""
        self._draw()

    @property
    def _at(self) -> int:
        """Place of the step that is shown."""
        for i, answered in enumerate(self._steps):
            if self._step is not None and answered[0].step >= self._step:
                return i
        return len(self._steps) - 1

    def _draw(self) -> None:
        if not self._steps or not self.size.width:  # a resize comes when there is room
            return
        answered = self._steps[self._at]
        sample = answered[self._example % len(answered)]
        compact = self.size.width < LEAST_WIDTH
        self.set_class(compact, "-compact")
        key = (sample, len(self._steps), len(answered), compact)
        if key == self._shown:
            return
        self._shown = key
        self.query_one(".asked", Static).update(self._asked(sample, len(answered)))
        expected = visible(sample.expected.strip())
        for name in COLUMNS:
            text = visible(getattr(sample, name).strip())
            content = answer(name, text, expected, compact=compact)
            self.query_one(f".{name}", Static).update(content)

    def _asked(self, sample: Sampled, examples: int) -> Text:
        place = f"{self._at + 1}/{len(self._steps)}"
        many = f" · n: example {sample.example}/{examples}" if examples > 1 else ""
        asked = visible(" ".join(sample.prompt.split()))
        text = Text()
        text.append(f"[ step {sample.step:,} ] {place}{many} · ")  # the keys that turn
        text.append(asked, "not bold")
        return text


def answer(name: str, text: str, expected: str, *, compact: bool) -> Text:
    """One answer under its name, what differs from the expected one underlined.

    Args:
        name: ``expected``, ``attached`` or ``detached``.
        text: What to show, made visible.
        expected: The same for the expected answer.
        compact: All in one line.
    """
    same = name != "expected" and text == expected
    if compact:
        text, expected = " ".join(text.split()), " ".join(expected.split())
    shown = Text()
    head = Text(f"{name} ", "bold")
    if name != "expected":
        head.stylize(way(name))
    head.append("✔" if same else " ", GOOD)
    shown.append_text(head).append(" " if compact else "\n")
    shown.append_text(Text(text) if name == "expected" else differing(expected, text))
    return shown
