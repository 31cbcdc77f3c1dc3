"""Loads what a run needs and puts it together: examples, model, optimizer, step, validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx import loading
from shadow_mlx.config import TrainConfig
from shadow_mlx.data.batches import BatchPlan
from shadow_mlx.data.dataset import EncodedDataset
from shadow_mlx.data.reach import length_notes
from shadow_mlx.data.reading.splits import Splits
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.generation.asking import Asker
from shadow_mlx.parallel.team import Team
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.reach import positions_of
from shadow_mlx.training import scales
from shadow_mlx.training.evaluate import Validator
from shadow_mlx.training.length import RunLength, run_length
from shadow_mlx.training.model import prepare_model
from shadow_mlx.training.objectives import objective_of
from shadow_mlx.training.on_policy import Author
from shadow_mlx.training.optimizers import build_optimizer, peak_rate
from shadow_mlx.training.packing import packed
from shadow_mlx.training.recorder import Recorder
from shadow_mlx.training.samples import Sampler, choose_questions
from shadow_mlx.training.splitting import check_gradients
from shadow_mlx.training.step import TrainingStep
from shadow_mlx.training.teacher_records import Recording
from shadow_mlx.training.teachers import distillation_of, find_teacher, recording_of

MODULES = "shadow.layers."
"""Where injections and updates are in the model."""

UNIT_BATCHES = 4
"""Batches that the weights' units are measured on."""


@dataclass(frozen=True)
class Assembly:
    """The parts of one run, ready to train.

    Attributes:
        config: The settled options.
        model: What is trained.
        backbone_config: The backbone's ``config.json``.
        plan: The training batches.
        length: How many steps, of how many batches.
        step: The compiled step; it owns model, optimizer and objective.
        validator: ``None`` without validation.
        sampler: Answers examples after each validation; ``None`` where nobody is to see them.
        backbone_parameters: Numbers of the backbone, wherever they are; of a quantized one, those
            that it stands for.
        recording: The teacher whose answers are to be kept on disk before the first step.
        author: Writes what some of the steps train on; ``None`` where all of it is the data's.
    """

    config: TrainConfig
    model: AttachedModel
    backbone_config: Mapping[str, Any]
    plan: BatchPlan
    length: RunLength
    step: TrainingStep
    validator: Validator | None
    sampler: Sampler | None
    backbone_parameters: int
    recording: Recording | None
    author: Author | None

    @property
    def trained_parameters(self) -> int:
        """Numbers that are trained."""
        weights = tree_flatten(self.model.trainable_parameters())
        return sum(array.size for _, array in weights)

    @property
    def train(self) -> EncodedDataset:
        """The training examples."""
        return self.plan.dataset

    @property
    def valid_examples(self) -> int:
        """Number of validation examples."""
        return len(self.validator.plan.dataset) if self.validator else 0


def assemble(
    config: TrainConfig,
    splits: Splits,
    team: Team,
    recorder: Recorder,
    start_from: Path | None,
    units: scales.Units | None = None,
) -> Assembly:
    """Load and build everything.

    Args:
        config: The settled options.
        splits: The checked data.
        team: Processes that train together.
        recorder: Told of the phases and of what a person should know.
        start_from: An adapter folder whose weights, and shape, the shadow starts with.
        units: What a resumed run measures its weights in; a run that begins finds out by itself.

    Raises:
        InputError: Model, adapter, data and options do not fit together.
    """
    assert config.model is not None
    recorder.phase("loading", config.model)
    backbone, backbone_config, folder = loading.load_backbone(
        config.model, lazy=team.splits, trust_remote_code=config.trust_remote_code
    )
    tokenizer = loading.load_tokenizer(folder, trust_remote_code=config.trust_remote_code)
    teacher = find_teacher(config, backbone, backbone_config, tokenizer)
    resumed = units is not None
    distillation = None if team.splits else distillation_of(config, backbone, teacher)
    model = prepare_model(backbone, backbone_config, config, start_from, resumed=resumed)
    parameters = int(get_total_parameters(backbone))
    if team.splits:  # not before the shadow was sized by the whole backbone, and copied from it
        model.split(team.group, config.model)
        distillation = distillation_of(config, backbone, teacher)
        check_gradients(model.decoder, team)
    limit = positions_of(model)
    encoder = Encoder(tokenizer, config.encoding, limit)
    train, valid = _encode(config, splits, encoder, recorder)
    for note in length_notes(train, config.max_seq_length, limit):
        recorder.note("warning", note)
    apart = _plan(config, train, team, shuffle=config.shuffle)
    plan = packed(apart, model, distillation) if config.packing else apart
    length = run_length(config, plan.batches_per_epoch)
    # From here on it is a number: a run that is made longer goes on with the same one.
    config = dataclasses.replace(config, learning_rate=peak_rate(config, length.steps))
    recording = recording_of(config, teacher, team)
    objective = objective_of(config, distillation, model)
    if units is None:
        units = _measured_units(model, apart, team, fresh=start_from is None)
    step = TrainingStep(
        model,
        build_optimizer(config, length.steps),
        objective,
        clip=config.clip,
        seed=config.seed,
        team=team,
        units=units,
    )
    if not step.is_compiled:
        name = backbone_config.get("model_type")
        recorder.note("info", f"MLX cannot compile {name}: it trains, but slower than others")
    validator = sampler = None
    if valid is not None:
        # Shuffled by the seed, so that a few batches are a fair sample of the file.
        sample = _plan(config, valid, team, shuffle=True)
        validator = Validator(model, objective, sample, config.val_batches, team)
        if config.samples and (team.first or team.splits):  # one speaks; all answer, if need be
            sampler = _sampler(config, splits, model, encoder, recorder, team)
    author = _author(config, model, encoder, team) if config.on_policy else None
    return Assembly(
        config,
        model,
        backbone_config,
        plan,
        length,
        step,
        validator,
        sampler,
        parameters,
        recording,
        author,
    )


def _author(config: TrainConfig, model: AttachedModel, encoder: Encoder, team: Team) -> Author:
    return Author(
        model,
        share=config.on_policy,
        temperature=config.on_policy_temperature,
        vocabulary=max(encoder.tokenizer.get_vocab().values()) + 1,
        stop=encoder.format.stop,
        seed=config.seed,
        team=team,
    )


def _measured_units(
    model: AttachedModel, plan: BatchPlan, team: Team, *, fresh: bool
) -> scales.Units:
    """Units from the first batches; a fresh shadow's random weights are taken in them."""
    trained = dict(tree_flatten(model.trainable_parameters()))
    if model.shadow.variant != "peft" or not any(name.startswith(MODULES) for name in trained):
        return {}
    batches = []
    for batch in islice(plan.iterate(), UNIT_BATCHES):
        lengths = np.zeros(len(batch.inputs), np.int64)
        lengths[: len(batch.examples)] = plan.dataset.lengths[batch.examples] - 1
        mask = np.arange(batch.inputs.shape[1]) < lengths[:, None]
        batches.append((mx.array(batch.inputs), mx.array(mask, mx.float32)))
    units = scales.measured_units(model, batches, team)
    if fresh:
        scales.start_in_units(model, units)
        mx.eval(model.trainable_parameters())
    return units


def _sampler(
    config: TrainConfig,
    splits: Splits,
    model: AttachedModel,
    encoder: Encoder,
    recorder: Recorder,
    team: Team,
) -> Sampler | None:
    assert splits.valid is not None
    asker = Asker(encoder.format)
    questions = choose_questions(splits.valid, asker, config.samples, encoder.longest)
    if not questions:
        recorder.note("info", "no validation example asks for an answer: no samples are shown")
        return None
    return Sampler(model, encoder.tokenizer, asker, questions, team)


def _encode(
    config: TrainConfig, splits: Splits, encoder: Encoder, recorder: Recorder
) -> tuple[EncodedDataset, EncodedDataset | None]:
    recorder.phase("data", "tokenising")
    for note in encoder.format.template.notes:
        recorder.note("warning", note)
    train = encode_all(splits.train, encoder)
    recorder.note("info", splits.note)
    for note in splits.notes:
        recorder.note("warning", note)
    for note in train.counts.notes():
        recorder.note("warning", note)
    if splits.valid is None or not config.val_batches:
        return train, None
    valid = encode_all(splits.valid, encoder)
    if not len(valid):
        recorder.note("warning", "no validation example has a trained token: no validation")
        return train, None
    return train, valid


def _plan(config: TrainConfig, dataset: EncodedDataset, team: Team, *, shuffle: bool) -> BatchPlan:
    rank, world = team.rows
    return BatchPlan(
        dataset,
        config.batch_size,
        seed=config.seed,
        shuffle=shuffle,
        rank=rank,
        world=world,
    )
