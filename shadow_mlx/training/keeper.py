"""Keeps the run's checkpoints on disk: the best, the last, and the adapter at the top."""

from __future__ import annotations

import filecmp
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.optimizers as optim

from shadow_mlx.checkpoints import peft
from shadow_mlx.checkpoints.record import CONFIG_FILE, WEIGHTS_FILE
from shadow_mlx.checkpoints.training import save_state
from shadow_mlx.files.writing import atomic_folder
from shadow_mlx.runs.belongings import remove_checkpoint
from shadow_mlx.runs.events import Event, Saved
from shadow_mlx.runs.folder import RunFolder
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training.progress import Progress


@dataclass(frozen=True)
class Keeper:
    """Writes complete checkpoints. Each is a folder that PEFT opens, with the run's state beside.

    Attributes:
        folder: The run's folder, locked by the caller.
        model: What is saved.
        optimizer: Its state is saved too.
        backbone: Name or path of the backbone, as the adapter records it.
        backbone_config: Its ``config.json``.
        template: How the chat template is used, as the adapter records it.
        facts: What the record keeps of the run beyond its progress.
        emit: Takes the :class:`Saved` events.
    """

    folder: RunFolder
    model: AttachedModel
    optimizer: optim.Optimizer
    backbone: str
    backbone_config: Mapping[str, Any]
    template: Mapping[str, Any] | None
    facts: Mapping[str, Any]
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
            record = {**self.facts, **progress.to_record()}
            save_state(folder, self.model, self.optimizer, record)
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
        peft.save_adapter(
            folder,
            self.model,
            backbone=self.backbone,
            backbone_config=self.backbone_config,
            training=training_summary(progress),
            template=self.template,
        )

    def _prune(self, progress: Progress) -> None:
        kept = {progress.step, progress.best.step if progress.best else progress.step}
        for step in self.folder.saved_steps():
            if step not in kept:
                remove_checkpoint(self.folder.checkpoint(step))


def training_summary(progress: Progress) -> dict[str, Any]:
    """What an adapter's record says of its training."""
    best = progress.best
    return {
        "step": progress.step,
        "supervised_tokens": progress.supervised_tokens,
        "seconds": round(progress.seconds, 1),
        "validation_loss": best.loss if best else None,
        "shadow_validation_loss": best.shadow_loss if best else None,
        "best_step": best.step if best else None,
    }
