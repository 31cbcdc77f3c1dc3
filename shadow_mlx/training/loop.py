"""The training loop: step, report, validate, save, until done, stopped or out of patience.

Everything that a resumed run must know is in :class:`Progress`; the loop looks at nothing else
that a kill could lose. With several processes each runs this loop, and all of them read the same
sums, so that they take the same decisions.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import mlx.core as mx

from shadow_mlx.data.batches import Batch
from shadow_mlx.errors import NonFiniteError, PeersLostError
from shadow_mlx.parallel.peers import Peers
from shadow_mlx.runs.events import Event, PhaseChanged, PhaseName, StopToken, Trained, Validated
from shadow_mlx.runs.losses import in_words
from shadow_mlx.training.assembly import Assembly
from shadow_mlx.training.device import bound_cache
from shadow_mlx.training.evaluate import Validator
from shadow_mlx.training.losses import Supervised, supervised
from shadow_mlx.training.progress import Clock, Progress, Tally, validations_left
from shadow_mlx.training.step import StepResult

Emit = Callable[[Event], None]
Save = Callable[[Progress], None]
Outcome = Literal["done", "stopped", "patience"]


@dataclass
class Window:
    """The batches of one optimizer step, ready for the device.

    Attributes:
        drawn: The rows of the data.
        batches: What is trained.
        tokens: Supervised tokens, over all processes.
        input_tokens: Of this process, but for padding.
        cursor: Where the next window begins.
        written: Whether the shadow writes what is trained. It does so right before the step, with
            the weights as they are then; until then there are no ``batches``.
    """

    drawn: list[Batch]
    batches: list[Supervised]
    tokens: int
    input_tokens: int
    cursor: dict[str, int]
    written: bool = False


class Loop:
    """Runs the steps of one training.

    Args:
        parts: What is trained, with what, and how often.
        progress: Where to begin; updated in place.
        emit: Takes events.
        save: Writes a complete checkpoint; looks at ``progress.best`` to see whether it is best.
        stop: Asks the loop to stop or to pause.
        peers: Watches over what all processes do together.
    """

    def __init__(
        self,
        parts: Assembly,
        progress: Progress,
        emit: Emit,
        save: Save,
        stop: StopToken,
        peers: Peers,
    ) -> None:
        self.config = parts.config
        self.length = parts.length
        self.step = parts.step
        self.plan = parts.plan
        self.author = parts.author
        self.validator = parts.validator
        self.sampler = parts.sampler
        self.progress = progress
        self.emit = emit
        self.save = save
        self.stop = stop
        self.peers = peers
        self.stopping = False
        self.saved_step = progress.step
        self._improved = False
        self._phase_name: PhaseName | None = None
        self._clock = Clock()

    def run(self) -> Outcome:
        """Train until the end, and leave a checkpoint of the last step.

        Raises:
            NonFiniteError: The loss or the gradient is not a number. The model is left as it was
                before that step.
            PeersLostError: Another process went away. What was done by then is saved.
        """
        try:
            return self._run()
        except PeersLostError:
            self.step.go_back()
            if self.progress.step > self.saved_step:
                self._save()
            raise

    def _run(self) -> Outcome:
        step, progress = self.step, self.progress
        step.model.train()
        self._phase("compiling")
        batches = self.plan.iterate(progress.cursor)
        window = self._next_window(batches, progress.step)
        self._validate_if_due()
        if self._improved:  # the validation that an interruption had cut short
            self._save()
        while window is not None and not self._ended():
            if self.stop.paused:
                self._phase("paused")
                self.stop.wait_while_paused()
            began = time.perf_counter()
            step.objective.at(progress.step / self.length.steps)
            with self.peers.waiting(f"step {progress.step + 1}"):
                window = self._written(window)
                pending = step.start(
                    progress.step + 1,
                    window.batches,
                    window.tokens,
                    [float(self.stop.stopping), window.input_tokens * self.step.team.share],
                )
                # while the device computes
                following = self._next_window(batches, progress.step + 1)
                result = step.finish(pending)
            self._finish_step(result, window, began)
            self._phase("training")
            window = following
            self._report_if_due()
            self._validate_if_due()
            self._save_if_due()
        if self.progress.step > self.saved_step and not self.stop.hurried:
            self._save()
        if self.progress.step >= self.length.steps:
            return "done"
        return "stopped" if self.stopping else "patience"

    def _ended(self) -> bool:
        alone = self.step.team.size == 1
        self.stopping = self.stopping or (alone and self.stop.stopping)
        patience = self.config.patience
        return self.stopping or bool(patience and self.progress.stale_validations >= patience)

    def _next_window(self, batches: Iterator[Batch], step: int) -> Window | None:
        if step >= self.length.steps:
            return None
        drawn = list(islice(batches, self.length.window(step)))
        widths = self.plan.dataset.lengths - 1  # input tokens; the last token is only predicted
        written = self.author is not None and self.author.writes(step + 1)
        return Window(
            drawn,
            [] if written else [supervised(batch) for batch in drawn],
            sum(batch.global_tokens for batch in drawn),
            sum(int(widths[batch.examples].sum()) for batch in drawn),
            drawn[-1].cursor,
            written,
        )

    def _written(self, window: Window) -> Window:
        """The window as it is trained: where the shadow writes it, it does so now."""
        if self.author is None or not window.written:
            return window
        return dataclasses.replace(
            window, **vars(self.author.written(self.progress.step + 1, window.drawn))
        )

    def _finish_step(self, result: StepResult, window: Window, began: float) -> None:
        progress = self.progress
        if not result.finite:
            raise NonFiniteError(
                f"step {progress.step + 1}: the loss ({result.value / window.tokens:g}) or the "
                f"gradient norm ({result.gradient_norm:g}) is not a finite number. "
                "A lower --learning-rate or a longer --warmup usually helps."
            )
        bound_cache()
        progress.step += 1
        progress.cursor = window.cursor
        progress.supervised_tokens += window.tokens
        progress.tally.add(result, window.tokens, written=window.written)
        seconds = time.perf_counter() - began
        progress.seconds += seconds
        self._clock.add(seconds, result.input_tokens)
        self.stopping = result.stop_requests > 0

    def _report_if_due(self) -> None:
        progress, tally, clock = self.progress, self.progress.tally, self._clock
        last = progress.step == self.length.steps
        if not last and progress.step % self.config.steps_per_report:
            return
        self._emit_trained(tally, clock.steps / clock.seconds)
        progress.tally = tally.emptied()
        self._clock = Clock()

    def _emit_trained(self, tally: Tally, rate: float) -> None:
        progress, clock = self.progress, self._clock
        self.emit(
            Trained(
                time.time(),
                step=progress.step,
                losses=tally.means(on_policy=self.author is not None),
                learning_rate=self.step.optimizer.learning_rate.item(),
                gradient_norm=tally.gradient_norm / tally.steps,
                tokens_per_second=clock.tokens / clock.seconds,
                steps_per_second=rate,
                trained_tokens=progress.supervised_tokens,
                peak_memory_bytes=mx.get_peak_memory(),
                seconds_left=self._seconds_left(rate),
                epoch=progress.step * self.length.accumulation / self.plan.batches_per_epoch,
            )
        )

    def _seconds_left(self, rate: float) -> float:
        """Steps at ``rate`` a second, and the validations with their samples between them."""
        progress, steps = self.progress, self.length.steps
        checks = 0
        if self.validator is not None:
            checks = validations_left(progress.step, steps, self.config.steps_per_eval)
        return (steps - progress.step) / rate + checks * progress.check_seconds

    def _validate_if_due(self) -> None:
        progress, every = self.progress, self.config.steps_per_eval
        due = progress.step % every == 0 or progress.step == self.length.steps
        if self.validator is None or not due or progress.validated_step == progress.step:
            return
        began = time.perf_counter()
        self._phase("validating")
        if self._validate(self.validator, began):
            self._sample()
            progress.check_seconds = time.perf_counter() - began

    def _validate(self, validator: Validator, began: float) -> bool:
        """Whether it came to its end."""
        progress = self.progress
        with self.peers.waiting(f"validation after step {progress.step}"):
            scores = validator(lambda: self.stop.stopping)
        if scores is None:  # interrupted; a resumed run begins with this validation
            return False
        if not scores.finite:
            advice = (
                "A lower --learning-rate usually helps."
                if progress.step
                else "Nothing has been trained yet: the model itself, or the adapter that it "
                "starts from, answers so to these data. Do its weights fit its config.json?"
            )
            raise NonFiniteError(
                f"step {progress.step}: the validation loss is not a finite number "
                f"({in_words(scores.losses)}). {advice}"
            )
        self._improved = progress.note_validation(scores)
        seconds = time.perf_counter() - began
        progress.seconds += seconds
        self.emit(
            Validated(
                time.time(),
                progress.step,
                scores.losses,
                scores.tokens,
                seconds,
                best=self._improved,
            )
        )
        return True

    def _sample(self) -> None:
        """Not part of the training time; what an interruption leaves out is not made up for."""
        if self.sampler is not None:
            stop = self.step.team.stop(self.stop)
            for event in self.sampler(self.progress.step, lambda: stop.stopping):
                self.emit(event)

    def _save_if_due(self) -> None:
        due = self._improved or self.progress.step % self.config.save_every == 0
        if due and not self.stop.hurried:
            self._save()

    def _save(self) -> None:
        self._phase("saving")
        self.save(self.progress)
        self.saved_step = self.progress.step
        self._improved = False

    def _phase(self, name: PhaseName) -> None:
        if name != self._phase_name:
            self._phase_name = name
            self.emit(PhaseChanged(time.time(), name))
