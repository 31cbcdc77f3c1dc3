"""Assembles a fine-tuning run: data, model, optimizer, folder; runs the loop; tells how it ended."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_reduce

from shadow_mlx import hub, loading
from shadow_mlx.checkpoints.training import load_state, restore
from shadow_mlx.config import TrainConfig
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.records import Splits, resolve
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.errors import ConfigError, ShadowMLXError, SurroundingsError
from shadow_mlx.events import (
    Listener,
    Noted,
    PhaseChanged,
    PhaseName,
    RunEnded,
    RunStarted,
    StopToken,
)
from shadow_mlx.run_folder import RunFolder
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.training import starting
from shadow_mlx.training.callbacks import service_listener
from shadow_mlx.training.device import prepare_device
from shadow_mlx.training.evaluate import Validator
from shadow_mlx.training.keeper import Keeper
from shadow_mlx.training.length import run_length
from shadow_mlx.training.loop import Loop, Outcome
from shadow_mlx.training.model import prepare_model
from shadow_mlx.training.optimizers import build_optimizer
from shadow_mlx.training.progress import Progress
from shadow_mlx.training.recorder import Recorder
from shadow_mlx.training.step import TrainingStep


@dataclass(frozen=True)
class RunSummary:
    """How a run ended and what it leaves.

    Attributes:
        adapter_path: The adapter folder.
        reason: ``done``, ``stopped`` (asked to; the state is saved) or ``patience``.
        step: Optimizer steps done, of ``total_steps``.
        best_step: Step of the adapter at the top by validation; ``None`` without validation.
        best_loss: Its validation loss, attached.
        best_shadow_loss: Its validation loss, detached.
        supervised_tokens: Tokens trained, over all resumptions.
        seconds: Time in steps and validations, over all resumptions.
        peak_memory_bytes: Of this process.
        trainable_parameters: Of the shadow.
    """

    adapter_path: Path
    reason: Outcome
    step: int
    total_steps: int
    best_step: int | None
    best_loss: float | None
    best_shadow_loss: float | None
    supervised_tokens: int
    seconds: float
    peak_memory_bytes: int
    trainable_parameters: int


def finetune(
    config: TrainConfig,
    listener: Listener | None = None,
    stop: StopToken | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> RunSummary:
    """Train a shadow.

    Args:
        config: Every option of the run.
        listener: Takes each event, in this thread. On processes other than the first, nothing.
        stop: Asks the run to stop (its state is saved) or to pause.
        resume: Go on with the run in ``config.adapter_path``, exactly.
        overwrite: Give up the run or the adapter that lies there.

    Raises:
        InputError: What was given is wrong.
        SurroundingsError: Disk, memory, network, or another run in this folder.
    """
    group = mx.distributed.init()
    recorder = Recorder(listener if group.rank() == 0 else None)
    folder = RunFolder(Path(config.adapter_path).expanduser().absolute())
    config, saved = _settle(config, folder, resume=resume, overwrite=overwrite)
    splits = _resolve_data(config, recorder)
    with _writing(folder, first=group.rank() == 0), _closing(recorder):
        run = _Run(config, folder, group, recorder, stop or StopToken())
        return run.execute(splits, resumed=saved is not None, overwrite=overwrite)


def _settle(
    config: TrainConfig, folder: RunFolder, *, resume: bool, overwrite: bool
) -> tuple[TrainConfig, TrainConfig | None]:
    """The effective options, and those of the run to resume, all checks made."""
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite: give one of them, not both")
    saved = starting.load_config(folder) if resume else None
    if not resume and not overwrite:
        starting.check_unoccupied(folder)
    if not config.data:
        raise ConfigError("--data: name the training data (a .jsonl file, a folder, or a hub id)")
    name = config.model or (saved.model if saved else None) or hub.choose_model().name
    effective = starting.with_absolute_paths(config, name)
    if saved:
        starting.check_resumable(effective, saved)
    return effective, saved


def _resolve_data(config: TrainConfig, recorder: Recorder) -> Splits:
    assert config.data is not None
    recorder(PhaseChanged(time.time(), "data", "checking"))
    fraction = config.valid_fraction if config.val_batches else 0.0
    return resolve(config.data, fraction, config.seed)


@contextmanager
def _writing(folder: RunFolder, *, first: bool) -> Iterator[None]:
    """Hold the folder's lock; only the first process writes, and only it locks."""
    if not first:
        yield
        return
    with folder.lock():
        folder.remove_leftovers()
        yield


@contextmanager
def _closing(recorder: Recorder) -> Iterator[None]:
    try:
        yield
    finally:
        recorder.close()


class _Run:
    """One run while it is being assembled and executed."""

    def __init__(
        self,
        config: TrainConfig,
        folder: RunFolder,
        group: mx.distributed.Group,
        recorder: Recorder,
        stop: StopToken,
    ) -> None:
        self.config = config
        self.folder = folder
        self.group = group
        self.recorder = recorder
        self.stop = stop
        self.first = group.rank() == 0

    def execute(self, splits: Splits, *, resumed: bool, overwrite: bool) -> RunSummary:
        """Everything after the options are settled and the data are checked."""
        config, recorder = self.config, self.recorder
        recorder.add(service_listener(config, self.folder.path) if self.first else None)
        prepare_device()
        mx.random.seed(config.seed)
        self._phase("loading", str(config.model))
        assert config.model is not None
        backbone, backbone_config, model_folder = loading.load_backbone(
            config.model, trust_remote_code=config.trust_remote_code
        )
        tokenizer = loading.load_tokenizer(model_folder)
        train, valid = self._encode(splits, tokenizer)
        model = prepare_model(backbone, backbone_config, config)

        plan = self._plan(train, shuffle=config.shuffle)
        length = run_length(config, plan.batches_per_epoch)
        optimizer = build_optimizer(config, length.steps)
        step = TrainingStep(
            model,
            optimizer,
            aux_weight=config.aux_weight,
            clip=config.clip,
            seed=config.seed,
            group=self.group,
        )
        validator = None
        if valid is not None:
            validator = Validator(
                model, self._plan(valid, shuffle=True), config.val_batches, self.group
            )
        keeper = Keeper(
            self.folder,
            model,
            optimizer,
            config.model,
            backbone_config,
            {"data_fingerprint": train.fingerprint},
            recorder,
        )
        progress = self._progress(keeper, train, resumed=resumed)
        if self.first:
            self._open_folder(keeper, progress, overwrite=overwrite)
        recorder(self._started(model, plan, valid, length.steps, progress.step))
        loop = Loop(
            config,
            length,
            step,
            plan,
            validator,
            progress,
            recorder,
            keeper.save if self.first else _save_nothing,
            self.stop,
        )
        outcome = self._train(loop)
        return RunSummary(
            adapter_path=self.folder.path,
            reason=outcome,
            step=progress.step,
            total_steps=length.steps,
            best_step=progress.best.step if progress.best else None,
            best_loss=progress.best.loss if progress.best else None,
            best_shadow_loss=progress.best.shadow_loss if progress.best else None,
            supervised_tokens=progress.supervised_tokens,
            seconds=progress.seconds,
            peak_memory_bytes=mx.get_peak_memory(),
            trainable_parameters=_size(model.trainable_parameters()),
        )

    def _encode(
        self, splits: Splits, tokenizer: Any
    ) -> tuple[EncodedDataset, EncodedDataset | None]:
        config = self.config
        encoder = Encoder(tokenizer, config.max_seq_length, config.mask_prompt, config.too_long)
        self._phase("data", "tokenising")
        train = encode_all(splits.train, encoder)
        self._note("info", splits.note)
        for note in train.counts.notes():
            self._note("warning", note)
        if splits.valid is None or not config.val_batches:
            return train, None
        valid = encode_all(splits.valid, encoder)
        if not len(valid):
            self._note("warning", "no validation example has a trained token: no validation")
            return train, None
        return train, valid

    def _plan(self, dataset: EncodedDataset, *, shuffle: bool) -> BatchPlan:
        return BatchPlan(
            dataset,
            self.config.batch_size,
            seed=self.config.seed,
            shuffle=shuffle,
            rank=self.group.rank(),
            world=self.group.size(),
        )

    def _progress(self, keeper: Keeper, train: EncodedDataset, *, resumed: bool) -> Progress:
        """Where to begin: at the start, or where the last complete checkpoint stands."""
        steps = self.folder.saved_steps() if resumed else []
        if not steps:
            if resumed:
                self._note("info", "nothing was saved yet: the run begins again at step 0")
            return Progress()
        saved = load_state(self.folder.checkpoint(steps[-1]))
        if saved.record.get("data_fingerprint") != train.fingerprint:
            raise ConfigError(
                f"--resume: the training data are not those of the run ({self.config.data} or "
                "the model's tokenizer was changed). Start a new run in another --adapter-path."
            )
        restore(saved, keeper.model, keeper.optimizer)
        return Progress.from_record(saved.record)

    def _open_folder(self, keeper: Keeper, progress: Progress, *, overwrite: bool) -> None:
        """From here on the run exists on disk."""
        if overwrite:
            starting.clear(self.folder)
        starting.save_config(self.folder, self.config)
        if progress.step:
            keeper.publish(progress)
        self.recorder.open_log(self.folder)

    def _started(
        self,
        model: AttachedModel,
        plan: BatchPlan,
        valid: EncodedDataset | None,
        total_steps: int,
        start_step: int,
    ) -> RunStarted:
        counts = plan.dataset.counts
        return RunStarted(
            time.time(),
            total_steps=total_steps,
            start_step=start_step,
            batch_size=self.config.batch_size,
            backbone=str(self.config.model),
            trainable_parameters=_size(model.trainable_parameters()),
            backbone_parameters=_size(model.backbone.parameters()),
            train_examples=len(plan.dataset),
            valid_examples=len(valid) if valid is not None else 0,
            tokens_per_epoch=counts.tokens,
            supervised_tokens_per_epoch=counts.supervised_tokens,
            truncated_examples=counts.truncated,
            dropped_examples=counts.dropped,
            process_id=os.getpid(),
        )

    def _train(self, loop: Loop) -> Outcome:
        try:
            outcome = loop.run()
        except ShadowMLXError as error:
            kept = self._kept()
            with suppress(SurroundingsError):  # a full disk must not hide why the run ended
                self._ended("failed", loop.progress, f"{error} {kept}".strip())
            if kept:
                raise type(error)(f"{error}\n{kept}") from error
            raise
        self._ended(outcome, loop.progress)
        return outcome

    def _kept(self) -> str:
        steps = self.folder.saved_steps()
        if not steps:
            return ""
        return f"The checkpoint of step {steps[-1]} is kept; --resume continues from it."

    def _ended(self, reason: Any, progress: Progress, message: str = "") -> None:
        best = progress.best
        self.recorder(
            RunEnded(
                time.time(),
                reason=reason,
                step=progress.step,
                best_step=best.step if best else None,
                best_loss=best.loss if best else None,
                seconds=progress.seconds,
                message=message,
            )
        )

    def _phase(self, name: PhaseName, detail: str = "") -> None:
        self.recorder(PhaseChanged(time.time(), name, detail))

    def _note(self, level: Any, message: str) -> None:
        self.recorder(Noted(time.time(), level, message))


def _save_nothing(progress: Progress) -> None:
    """Processes other than the first write nothing."""


def _size(parameters: Any) -> int:
    """Number of elements in a tree of parameters."""
    return int(tree_reduce(lambda total, array: total + array.size, parameters, 0))
