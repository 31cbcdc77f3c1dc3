"""Keeps the run's checkpoints on disk: the best, the last, and the adapter at the top."""

from __future__ import annotations

import filecmp
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx.checkpoints import peft
from shadow_mlx.checkpoints.draft_tokens import write_draft_tokens
from shadow_mlx.checkpoints.record import CONFIG_FILE, WEIGHTS_FILE
from shadow_mlx.checkpoints.template_record import to_record
from shadow_mlx.checkpoints.training import save_state
from shadow_mlx.files.writing import atomic_folder
from shadow_mlx.runs.belongings import remove_checkpoint
from shadow_mlx.runs.events import Event, Saved
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.runs.losses import qualified
from shadow_mlx.shadow.draft_tokens import DraftTokens
from shadow_mlx.training.assembly import Assembly
from shadow_mlx.training.progress import Progress

FINGERPRINT = "data_fingerprint"
"""Key of the record that tells one set of training data from another."""


@dataclass(frozen=True)
class Keeper:
    """Writes complete checkpoints. Each is a folder that PEFT opens, with the run's state beside.

    Attributes:
        folder: The run's folder, locked by the caller.
        parts: What is saved: the model, and the state of its optimizer.
        emit: Takes the :class:`Saved` events.
    """

    folder: RunFolder
    parts: Assembly
    emit: Callable[[Event], None]

    def save(self, progress: Progress) -> None:
        """Write the checkpoint of ``progress.step``; then the adapter at the top, if it is due.

        The top holds the best by validation; the last where nothing was validated.

        Raises:
            SurroundingsError: The disk refuses. Earlier checkpoints and the adapter stay whole.
        """
        target = self.folder.checkpoint(progress.step)
        with atomic_folder(target) as folder:
            self._save_adapter(folder, progress)
            facts = {FINGERPRINT: self.parts.train.fingerprint}
            record = {**facts, **progress.to_record()}
            step = self.parts.step
            save_state(folder, self.parts.model, step.optimizer, step.units, record)
        self._publish(progress)
        self._prune(progress)
        self.emit(Saved(time.time(), progress.step, str(target), progress.is_best))

    def repair(self, progress: Progress) -> None:
        """After a resumption: finish the adapter at the top if a kill came before it was written.

        ``progress`` is that of the checkpoint which was just restored.
        """
        checkpoint = self.folder.checkpoint(progress.step)
        names = (WEIGHTS_FILE, CONFIG_FILE)
        same, _, _ = filecmp.cmpfiles(checkpoint, self.folder.path, names, shallow=False)
        if len(same) < len(names):
            self._publish(progress)

    def _publish(self, progress: Progress) -> None:
        """Write the adapter at the top if the model of ``progress`` is the one to stand there."""
        if progress.is_best or progress.best is None:
            self._save_adapter(self.folder.path, progress)

    def _save_adapter(self, folder: Path, progress: Progress) -> None:
        parts = self.parts
        peft.save_adapter(
            folder,
            parts.model,
            backbone=str(parts.config.model),
            backbone_config=parts.backbone_config,
            training=training_summary(parts, progress),
            template=to_record(parts.config.template),
        )
        tokens = DraftTokens.of(*parts.train.answer_tokens)
        write_draft_tokens(folder, tokens, parts.model.decoder.embedding.weight.shape[0])

    def _prune(self, progress: Progress) -> None:
        kept = {progress.step, progress.best.step if progress.best else progress.step}
        for step in self.folder.saved_steps():
            if step not in kept:
                remove_checkpoint(self.folder.checkpoint(step))


def training_summary(parts: Assembly, progress: Progress) -> dict[str, Any]:
    """What an adapter's record says of its training."""
    best = progress.best_losses(parts.step.objective.names)
    return {
        "objective": parts.config.objective,
        "trained_parameters": parts.trained_parameters,
        "backbone_parameters": parts.backbone_parameters,
        "step": progress.step,
        "supervised_tokens": progress.supervised_tokens,
        "seconds": round(progress.seconds, 1),
        **{qualified(name, "validation"): value for name, value in best.items()},
        "best_step": progress.best_step,
    }
