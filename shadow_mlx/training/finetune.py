"""One fine-tuning run, from its options to its end: settle, lock, assemble, train, conclude."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import mlx.core as mx

from shadow_mlx import hub
from shadow_mlx.checkpoints.template_record import to_record
from shadow_mlx.checkpoints.training import load_state, restore
from shadow_mlx.config import TrainConfig
from shadow_mlx.data.splits import Splits, resolve
from shadow_mlx.errors import ConfigError, SurroundingsError
from shadow_mlx.events import Listener, StopToken
from shadow_mlx.run_folder import RunFolder
from shadow_mlx.training import starting
from shadow_mlx.training.assembly import Assembly, assemble
from shadow_mlx.training.callbacks import service_listener
from shadow_mlx.training.device import prepare_device
from shadow_mlx.training.keeper import Keeper
from shadow_mlx.training.loop import Loop, Outcome
from shadow_mlx.training.progress import Progress
from shadow_mlx.training.recorder import Recorder
from shadow_mlx.training.reporting import RunSummary, ended, started, summarise


def finetune(
    config: TrainConfig,
    listener: Listener | None = None,
    stop: StopToken | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
) -> RunSummary:
    """Train a shadow.

    Started by ``mlx.launch`` on several processes, they share each batch; the first one writes.

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
    group = _processes()
    first = group.rank() == 0
    recorder = Recorder(listener if first else None)
    folder = RunFolder(Path(config.adapter_path).expanduser().absolute())
    config = _settle(config, folder, recorder, resume=resume, overwrite=overwrite, first=first)
    splits = _resolve_data(config, recorder)
    with _writing(folder, first), _closing(recorder):
        if first:
            recorder.add(service_listener(config, folder.path))
        run = _Run(config, folder, recorder, first)
        return run.execute(splits, group, stop or StopToken(), resume=resume, overwrite=overwrite)


def _processes() -> mx.distributed.Group:
    try:
        return mx.distributed.init()
    except RuntimeError as error:
        raise SurroundingsError(f"the processes of this run cannot meet: {error}") from error


def _settle(
    config: TrainConfig,
    folder: RunFolder,
    recorder: Recorder,
    *,
    resume: bool,
    overwrite: bool,
    first: bool,
) -> TrainConfig:
    """The effective options, checked against what lies in the folder."""
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite: give one of them, not both")
    saved = starting.load_config(folder) if resume else None
    if first and not resume and not overwrite:
        starting.check_unoccupied(folder)
    if not config.data:
        raise ConfigError("--data: name the training data (a .jsonl file, a folder, or a hub id)")
    name = config.model or (saved.model if saved else None)
    if name is None:
        choice = hub.choose_model()
        recorder.note("info", f"backbone: {choice.name} ({choice.reason})")
        name = choice.name
    config = starting.with_absolute_paths(config, name)
    if saved:
        starting.check_resumable(config, saved)
    return config


def _resolve_data(config: TrainConfig, recorder: Recorder) -> Splits:
    assert config.data is not None
    recorder.phase("data", "checking")
    valid_fraction = config.valid_fraction if config.val_batches else 0.0
    return resolve(config.data, valid_fraction, config.seed, config.columns)


@contextmanager
def _writing(folder: RunFolder, first: bool) -> Iterator[None]:
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


@dataclass(frozen=True)
class _Run:
    """A run whose options are settled and whose folder is held."""

    config: TrainConfig
    folder: RunFolder
    recorder: Recorder
    first: bool

    def execute(
        self,
        splits: Splits,
        group: mx.distributed.Group,
        stop: StopToken,
        *,
        resume: bool,
        overwrite: bool,
    ) -> RunSummary:
        config = self.config
        if group.size() > 1:
            self.recorder.note("info", f"{group.size()} processes share each batch")
        prepare_device()
        checkpoint = self._last_checkpoint() if resume else None
        start_from = checkpoint or (Path(config.init_adapter) if config.init_adapter else None)
        parts = assemble(config, splits, group, self.recorder, start_from)
        progress = self._restored(checkpoint, parts) if checkpoint else Progress()
        keeper = Keeper(
            self.folder,
            parts.model,
            parts.step.optimizer,
            str(config.model),
            parts.backbone_config,
            to_record(config.template),
            {"data_fingerprint": parts.train.fingerprint},
            self.recorder,
        )
        if self.first:
            self._open_folder(keeper, progress, overwrite=overwrite)
        self.recorder(started(config, parts, progress.step))
        save = keeper.save if self.first else _save_nothing
        outcome = self._train(
            Loop(
                config,
                parts.length,
                parts.step,
                parts.plan,
                parts.validator,
                parts.sampler,
                progress,
                self.recorder,
                save,
                stop,
            )
        )
        return summarise(self.folder.path, parts, progress, outcome)

    def _last_checkpoint(self) -> Path | None:
        steps = self.folder.saved_steps()
        if not steps:
            self.recorder.note("info", "nothing was saved yet: the run begins again at step 0")
            return None
        return self.folder.checkpoint(steps[-1])

    def _restored(self, checkpoint: Path, parts: Assembly) -> Progress:
        """Put the saved state into the parts, and tell where the run stands."""
        saved = load_state(checkpoint)
        if saved.record.get("data_fingerprint") != parts.train.fingerprint:
            raise ConfigError(
                f"--resume: the training data are not those of the run ({self.config.data} or "
                "the model's tokenizer was changed). Start a new run in another --adapter-path."
            )
        restore(saved, parts.model, parts.step.optimizer)
        return Progress.from_record(saved.record)

    def _open_folder(self, keeper: Keeper, progress: Progress, *, overwrite: bool) -> None:
        """From here on the run exists on disk."""
        if overwrite:
            starting.clear(self.folder)
        starting.save_config(self.folder, self.config)
        if progress.step:
            keeper.repair(progress)
        self.recorder.open_log(self.folder)

    def _train(self, loop: Loop) -> Outcome:
        try:
            outcome = loop.run()
        except SurroundingsError as error:
            message = f"{error}{self._kept()}"
            with suppress(SurroundingsError):  # a full disk must not hide why the run ended
                self.recorder(ended("failed", loop.progress, message))
            raise type(error)(message) from error
        self.recorder(ended(outcome, loop.progress))
        return outcome

    def _kept(self) -> str:
        steps = self.folder.saved_steps()
        if not steps:
            return ""
        return f"\nThe checkpoint of step {steps[-1]} is kept; --resume continues from it."


def _save_nothing(progress: Progress) -> None:
    """Processes other than the first write nothing."""
