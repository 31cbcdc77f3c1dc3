"""One training run, from its options to its end: settle, lock, assemble, train, conclude."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.checkpoints.training import SavedState, load_state, restore
from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.data.reading.splits import Splits, resolve
from shadow_mlx.errors import (
    ConfigError,
    InputError,
    Interrupted,
    ModelError,
    PeersLostError,
    SurroundingsError,
    is_out_of_memory,
    surroundings_failure,
)
from shadow_mlx.files.card_seal import may_write_card
from shadow_mlx.hub import resolving
from shadow_mlx.parallel.peers import Peers
from shadow_mlx.parallel.team import Team
from shadow_mlx.runs.belongings import remove_run
from shadow_mlx.runs.crash_log import crash_noted
from shadow_mlx.runs.deaths import death_of, less_memory
from shadow_mlx.runs.events import Listener, StopToken
from shadow_mlx.runs.folder import CARD, RunFolder
from shadow_mlx.runs.record import EventReader
from shadow_mlx.training import starting
from shadow_mlx.training.assembly import Assembly, assemble
from shadow_mlx.training.callbacks import service_listeners
from shadow_mlx.training.device import prepare_device
from shadow_mlx.training.keeper import FINGERPRINT, Keeper
from shadow_mlx.training.loop import Loop, Outcome
from shadow_mlx.training.model import pretrained_shadow
from shadow_mlx.training.progress import Progress
from shadow_mlx.training.recorder import Recorder
from shadow_mlx.training.reporting import RunSummary, ended, started, summarise
from shadow_mlx.training.teacher_records import recorded


def finetune(
    config: TrainConfig,
    listener: Listener | None = None,
    stop: StopToken | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    notes: Sequence[str] = (),
) -> RunSummary:
    """Train a shadow, for what ``config.objective`` says.

    Started by ``mlx.launch`` on several processes, they share each batch, or have the backbone
    split between them (``config.parallel``); the first one writes.

    Args:
        config: Every option of the run.
        listener: Takes each event, in this thread. On processes other than the first, nothing.
        stop: Asks the run to stop (its state is saved) or to pause.
        resume: Go on with the run in ``config.adapter_path``, exactly.
        overwrite: Give up the run or the adapter that lies there.
        notes: What a person should know of how the options came about; the run's record has it.

    Raises:
        InputError: What was given is wrong.
        SurroundingsError: Disk, memory, network, or another run in this folder.
    """
    if resume and overwrite:
        raise ConfigError("--resume and --overwrite: give one of them, not both")
    team, stop = Team.gathered(config.parallel), stop or StopToken()
    first = team.first
    recorder = Recorder(listener if first else None, stop)
    alarm = recorder if first else Recorder(listener)  # who is left alone says so
    peers = Peers(team.size, lambda words: alarm.note("warning", words))
    folder = RunFolder(Path(config.adapter_path).absolute())
    with _writing(folder, first, resume=resume, overwrite=overwrite), closing(recorder):
        if first and resume:
            _tell_of_death(folder, recorder)
        for note in notes:
            recorder.note("info", note)
        config = _settle(config, folder, recorder, resume=resume)
        splits = _resolve_data(config, recorder)
        if first:
            for service in service_listeners(config, folder.path):
                recorder.add(service)
        run = _Run(config, folder, recorder, first, peers)
        return run.execute(splits, team, stop, resume=resume, overwrite=overwrite)


def _tell_of_death(folder: RunFolder, recorder: Recorder) -> None:
    """Say why the run that is resumed did not end by itself, if it did not."""
    death = death_of(folder.path, EventReader(folder.path).read_all())
    if death is not None:
        recorder.note("warning", str(death))


def _settle(
    config: TrainConfig,
    folder: RunFolder,
    recorder: Recorder,
    *,
    resume: bool,
) -> TrainConfig:
    """The effective options, checked against the run that is resumed."""
    saved = starting.load_config(folder) if resume else None
    if not config.data:
        raise ConfigError("--data: name the training data (a .jsonl file, a folder, or a hub id)")
    name = config.model or (saved.model if saved else None)
    if name is None:
        begun = config.init_adapter or pretrained_shadow(config.part(ShadowConfig))
        choice = resolving.choose_model(None, begun)
        recorder.note("info", f"backbone: {choice.name} ({choice.reason})")
        name = choice.name
    if saved and config.learning_rate is None:
        config = dataclasses.replace(config, learning_rate=saved.learning_rate)
    if saved and saved.model:
        now = _backbone_now(saved.model, name, folder)
        name = now if name == saved.model else name
        saved = dataclasses.replace(saved, model=now)
    config = starting.with_absolute_paths(config, name)
    if saved:
        starting.check_resumable(config, saved)
    return config


def _backbone_now(record: str, name: str, folder: RunFolder) -> str:
    """Where the backbone is that a run was begun with: folders are moved.

    Where it is gone, what was named instead is taken for it; its shapes are checked later.
    """
    if name == record:
        return resolving.find_recorded(record, folder.path)
    try:
        return resolving.find_recorded(record, folder.path)
    except ModelError:
        return str(starting.with_absolute_paths(TrainConfig(), name).model)


def _resolve_data(config: TrainConfig, recorder: Recorder) -> Splits:
    assert config.data is not None
    recorder.phase("data", "checking")
    valid_fraction = config.valid_fraction if config.val_batches else 0.0
    return resolve(config.data, valid_fraction, config.seed, config.columns)


@contextmanager
def _writing(folder: RunFolder, first: bool, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Hold the folder's lock; only the first process writes, and only it locks.

    The folder is looked at before, since a refusal should leave no trace, and under the lock, since
    another run may have ended there in between.
    """
    if not first:
        yield
        return
    starting.check_folder(folder, resume=resume, overwrite=overwrite)
    with folder.lock():
        starting.check_folder(folder, resume=resume, overwrite=overwrite)
        folder.remove_leftovers()
        yield


@dataclass(frozen=True)
class _Run:
    """A run whose options are settled and whose folder is held."""

    config: TrainConfig
    folder: RunFolder
    recorder: Recorder
    first: bool
    peers: Peers

    def execute(
        self,
        splits: Splits,
        team: Team,
        stop: StopToken,
        *,
        resume: bool,
        overwrite: bool,
    ) -> RunSummary:
        config = self.config
        if team.size > 1:
            how = "have a part of the backbone each" if team.splits else "share each batch"
            self.recorder.note("info", f"{team.size} processes {how}")
        prepare_device()
        checkpoint = self._last_checkpoint() if resume else None
        start_from = checkpoint or (Path(config.init_adapter) if config.init_adapter else None)
        saved = load_state(checkpoint) if checkpoint else None
        units = saved.units if saved else None
        parts = assemble(config, splits, team, self.recorder, start_from, units)
        progress = self._restored(saved, parts) if saved else Progress()
        keeper = Keeper(self.folder, parts, self.recorder)
        _attend(stop)
        if self.first:
            self._open_folder(keeper, progress, overwrite=overwrite)
        else:
            self.recorder.without_log()
        self.recorder(started(parts, progress.step))
        save = keeper.save if self.first else _save_nothing
        loop = Loop(parts, progress, self.recorder, save, stop, self.peers)
        with crash_noted(self.folder) if self.first else nullcontext():
            outcome = self._train(loop, keeper, stop)
        return summarise(self.folder.path, parts, progress, outcome, loop.saved_step)

    def _last_checkpoint(self) -> Path | None:
        steps = self.folder.saved_steps()
        if not steps:
            self.recorder.note("info", "nothing was saved yet: the run begins again at step 0")
            return None
        return self.folder.checkpoint(steps[-1])

    def _restored(self, saved: SavedState, parts: Assembly) -> Progress:
        """Put the saved state into the parts, and tell where the run stands."""
        if saved.record.get(FINGERPRINT) != parts.train.fingerprint:
            raise ConfigError(
                f"--resume: the training data are not those of the run ({self.config.data} or "
                "the model's tokenizer was changed). Start a new run in another --adapter-path."
            )
        restore(saved, parts.model, parts.step.optimizer)
        return Progress.from_record(saved.record)

    def _open_folder(self, keeper: Keeper, progress: Progress, *, overwrite: bool) -> None:
        """From here on the run exists on disk."""
        if overwrite:
            remove_run(self.folder)
        if not may_write_card(self.folder.path / CARD):
            self.recorder.note("info", f"{CARD} is yours and stays; no model card is written")
        starting.save_config(self.folder, keeper.parts.config)
        if progress.step:
            keeper.repair(progress)
        self.recorder.open_log(self.folder)

    def _train(self, loop: Loop, keeper: Keeper, stop: StopToken) -> Outcome:
        try:
            with self._machine_named():
                outcome = loop.run() if self._recorded(keeper.parts, stop) else "stopped"
            if self.recorder.lost is not None:
                raise self.recorder.lost
        except SurroundingsError as error:
            if isinstance(error, PeersLostError) and not self.first:
                self._save_for_the_first(keeper, loop.progress)
            message = f"{error}{self._kept()}"
            self.recorder(ended("failed", loop.progress, message))
            raise type(error)(message) from error
        self.recorder(ended(outcome, loop.progress))
        if self.recorder.lost is not None:
            raise SurroundingsError(f"{self.recorder.lost}{self._kept()}")
        return outcome

    @contextmanager
    def _machine_named(self) -> Iterator[None]:
        """What MLX says of the machine within the block is an error of ours, with what would help.

        Raises:
            SurroundingsError: Memory ran out, or the GPU's watchdog ended a step.
        """
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            known = surroundings_failure(error)
            if known is None:
                raise
            if is_out_of_memory(error):
                saved = bool(self.folder.saved_steps())
                advice = less_memory(saved=saved, recomputes=self.config.grad_checkpoint)
                known = SurroundingsError(f"{known}. {advice}")
            raise known from error

    def _recorded(self, parts: Assembly, stop: StopToken) -> bool:
        """Have the teacher's answers at hand, if they are to be kept; False if asked to stop."""
        recording = parts.recording
        if recording is None:
            return True
        plans = {"train": parts.plan}
        if parts.validator is not None:
            plans["valid"] = parts.validator.plan
        for split, plan in plans.items():
            plan.notes = recorded(
                recording,
                parts.model,
                plan,
                self.folder.teacher / split,
                lambda done, count: self.recorder.phase("recording", f"{done} of {count} batches"),
                lambda: stop.stopping,
            )
            if plan.notes is None:
                return False
        return True

    def _save_for_the_first(self, keeper: Keeper, progress: Progress) -> None:
        """Save where the process that writes is the one that died, if its folder is here.

        While it lives it holds the lock, and saves by itself.
        """
        if not progress.step or not self.folder.config.is_file():
            return
        with suppress(SurroundingsError, InputError), self.folder.lock():
            known = starting.load_config(self.folder) == self.config
            if known and progress.step not in self.folder.saved_steps():
                self.recorder.open_log(self.folder)
                keeper.save(progress)

    def _kept(self) -> str:
        steps = self.folder.saved_steps()
        if not steps:
            return ""
        return f"\nThe checkpoint of step {steps[-1]} is kept; --resume continues from it."


def _attend(stop: StopToken) -> None:
    """From here on the job looks at its token; before, a signal has broken it off.

    Raises:
        Interrupted: A signal came, and something caught what it raised.
    """
    if stop.stopping and not stop.attended:
        raise Interrupted("interrupted before the first step; nothing was changed")
    stop.attended = True


def _save_nothing(progress: Progress) -> None:
    """Processes other than the first write nothing."""
