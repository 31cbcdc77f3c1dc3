"""Shows a run's events on stderr: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
from typing import IO, TYPE_CHECKING

from shadow_mlx import words
from shadow_mlx.cli.bars import BarDisplay
from shadow_mlx.runs.events import (
    Event,
    Noted,
    PhaseChanged,
    RunEnded,
    RunStarted,
    Sampled,
    Saved,
    Trained,
    Validated,
)
from shadow_mlx.runs.losses import ON_POLICY, in_words
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    pass

_BAR = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"


class ProgressDisplay(BarDisplay):
    """A listener that draws. Close it (or leave its ``with`` block) before printing more.

    Args:
        stream: Where to; a bar is drawn if it is a terminal.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._total = 0

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, RunStarted):
            self._start(event)
        elif isinstance(event, PhaseChanged):
            self._phase(event)
        elif isinstance(event, Trained):
            self._trained(event)
        elif isinstance(event, Validated):
            self._print(validation_line(event))
        elif isinstance(event, Sampled):
            self._print("\n".join(sample_lines(event)))
        elif isinstance(event, Saved) and not self._on_terminal:
            self._print(f"step {event.step}: saved")
        elif isinstance(event, Noted):
            self._print(f"{'note' if event.level == 'info' else event.level}: {event.message}")
        elif isinstance(event, RunEnded):
            self.close()

    def answered(self, done: int, total: int) -> None:
        """Show how many lines of the data have got their answer."""
        if self._on_terminal:
            end = "\n" if done == total else ""
            print(f"\rwriting answers: {done} of {total}", end=end, file=self._stream, flush=True)
        else:
            self._print(f"writing answers: {done} of {total}")

    def _start(self, event: RunStarted) -> None:
        self._total = event.total_steps
        for line in start_lines(event):
            self._print(line)
        if self._on_terminal:
            from tqdm import tqdm

            self._bar = tqdm(
                total=event.total_steps,
                initial=event.start_step,
                file=self._stream,
                bar_format=_BAR,
                dynamic_ncols=True,
                leave=True,
            )

    def _phase(self, event: PhaseChanged) -> None:
        phase = f"{event.phase} {event.detail}".strip()
        if self._bar is not None:
            self._bar.set_description_str(visible(phase))
        elif event.phase in ("loading", "data"):
            self._print(phase)

    def _trained(self, event: Trained) -> None:
        if self._bar is None:
            self._print(f"step {event.step}/{self._total}: {training_figures(event)}")
        else:
            self._bar.set_postfix_str(training_figures(event), refresh=False)
            self._bar.update(event.step - self._bar.n)

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(visible(line), file=self._stream)
        else:
            print(visible(line), file=self._stream, flush=True)


def start_lines(event: RunStarted) -> list[str]:
    """What a person should know before the first step."""
    share = event.trainable_parameters / max(event.backbone_parameters, 1)
    begins = f", from step {event.start_step}" if event.start_step else ""
    return [
        f"backbone {event.backbone}: {words.number(event.backbone_parameters)} parameters, frozen; "
        f"shadow: {words.number(event.trainable_parameters)} trained ({share:.1%})",
        f"{event.train_examples:,} examples to train on, {event.valid_examples:,} to validate; "
        f"{event.supervised_tokens_per_epoch:,} of {event.tokens_per_epoch:,} tokens are trained",
        f"{event.total_steps:,} steps of {event.batch_size} examples{begins}",
    ]


def training_figures(event: Trained) -> str:
    """Loss, speed, memory and the time left, short enough for one line."""
    shadow = "" if math.isnan(event.shadow_loss) else f" (shadow {event.shadow_loss:.3f})"
    own = event.losses.get(ON_POLICY, math.nan)
    losses = [f"loss {event.loss:.3f}{shadow}", f"own words {own:.3f}"]
    if math.isnan(own):
        losses.pop()
    elif math.isnan(event.loss):  # since the last report there were the shadow's own words alone
        losses.pop(0)
    return (
        f"{', '.join(losses)}, {event.tokens_per_second:,.0f} tok/s, "
        f"{words.size(event.peak_memory_bytes)}, {words.clock(event.seconds_left)} left"
    )


def validation_line(event: Validated) -> str:
    """One line for one validation."""
    mark = ", best so far" if event.best else ""
    return f"step {event.step}: validation loss {in_words(event.losses)}{mark}"


def sample_lines(event: Sampled) -> list[str]:
    """One answered example: what was asked, what is right, and what both models say."""
    expected = event.expected.strip()
    return [
        f"step {event.step}: asked {_one_line(event.prompt)}",
        f"    expected {_one_line(expected)}",
        *(
            f"    {mode} {'as expected' if text.strip() == expected else _one_line(text)}"
            for mode, text in (("attached", event.attached), ("detached", event.detached))
        ),
    ]


def _one_line(text: str, longest: int = 100) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
