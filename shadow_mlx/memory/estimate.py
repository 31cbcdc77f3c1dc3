"""Peak memory of a run, by part, from its options: nothing is loaded and nothing is computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.utils import get_total_parameters

from shadow_mlx.backbones.pretending import Machines, pretended
from shadow_mlx.backbones.skeleton import build_backbone, read_config
from shadow_mlx.checkpoints.mlx_lm_adapter import WEIGHTS
from shadow_mlx.checkpoints.peft import differences_from, shaped_like, with_network_of
from shadow_mlx.checkpoints.record import PEFT_FILES
from shadow_mlx.config import ShadowConfig, TrainConfig
from shadow_mlx.config.paths import local
from shadow_mlx.hub import resolving
from shadow_mlx.memory.graph import Name
from shadow_mlx.memory.liveness import Buffer, Memory, device_pace
from shadow_mlx.memory.tracing import BatchShape, Program, RecordedStep
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.explicit import INNER_CONFIG, PROJECTED_MODEL_TYPE
from shadow_mlx.training.carrying import carried_shape
from shadow_mlx.training.device import WORKING_SHARE, cache_limit, memory_size, working_memory
from shadow_mlx.training.distillation import Distillation, Divergence
from shadow_mlx.training.model import attach_for_training, made_ready, pretrained_shadow
from shadow_mlx.training.objectives import objective_of
from shadow_mlx.training.optimizers import build_optimizer
from shadow_mlx.training.packing import check_kinds
from shadow_mlx.training.teachers import BASE, base_teacher

PARTS = ("weights", "adapter", "gradients", "optimizer", "activations", "logits")
OF_THE_BATCH = ("activations",)  # what grows with it; logits are made a part at a time
ANY_LENGTH = 1000  # steps of a run: no shape depends on them


@dataclass(frozen=True)
class MemoryEstimate:
    """What a run takes at its peak, in bytes.

    Attributes:
        weights: The frozen backbone, and a teacher's.
        adapter: The shadow that is trained.
        gradients: Its gradients, and their sums while batches are accumulated.
        optimizer: Moments and the like.
        activations: What the forward pass keeps for the backward pass, and what both work with.
        logits: Logits and their gradients, of as many positions as are scored at once.
        cache: What MLX may keep beyond that for reuse; it gives it back when memory gets short.
        peak: The sum of all but the cache, as ``mx.get_peak_memory`` counts.
        machine: The device's memory.
        usable: The part of it that can be used without slowing the machine down.
        batch: The largest batch.
        assumed: Whether the batch is the largest that the options allow, for want of data.
        trained: Numbers that are trained.
        share: The same, as a share of the backbone's.
        machines: How many the backbone is split over; all else is of each of them.
    """

    weights: int
    adapter: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    cache: int
    peak: int
    machine: int
    usable: int
    batch: BatchShape
    assumed: bool
    trained: int
    share: float
    machines: int = 1


def largest_batch(config: TrainConfig) -> BatchShape:
    """The largest batch that the options allow, every token of it trained."""
    width = -(-(config.max_seq_length - 1) // 8) * 8
    trained = config.batch_size * (config.max_seq_length - 1)
    return BatchShape(config.batch_size, width, trained, config.packing)


def estimate(
    config: TrainConfig,
    batch: BatchShape | None = None,
    *,
    quantization: Mapping[str, Any] | None = None,
    memory: int | None = None,
    machines: int = 1,
) -> MemoryEstimate:
    """The memory of the run that ``config`` describes.

    Args:
        config: Its options; ``config.model`` must be named.
        batch: The largest batch; without it, the largest that the options allow.
        quantization: ``{"group_size": …, "bits": …}`` to estimate as if the backbone were
            quantized so.
        memory: Bytes of the device's memory, if it is not this machine's.
        machines: How many the backbone is split over; the estimate is of each.

    Raises:
        ConfigError: The options do not fit the backbone.
        ModelError: The model's configuration cannot be used, or its step cannot be recorded.
        HubError: The hub cannot be reached.
    """
    assert config.model is not None
    backbone_config = read_config(resolving.resolve_config(config.model), config.model)
    if quantization is not None:
        backbone_config["quantization"] = dict(quantization)
    model = attached_like(config, backbone_config)
    if config.packing:
        check_kinds(model)
    parameters = get_total_parameters(model.backbone)
    if machines == 1:
        return _estimated(config, model, batch, memory, parameters)
    model.split(Machines(machines), config.model)
    with pretended(Machines(machines)):
        found = _estimated(config, model, batch, memory, parameters)
    return dataclasses.replace(found, machines=machines)


def _estimated(
    config: TrainConfig,
    model: AttachedModel,
    batch: BatchShape | None,
    memory: int | None,
    parameters: int,
) -> MemoryEstimate:
    """The estimate of a model that is there in shape; ``parameters`` are its whole backbone's."""
    trained = sum(value.size for _, value in tree_flatten(model.trainable_parameters()))
    optimizer = build_optimizer(config, ANY_LENGTH)
    objective = objective_of(
        _with_own_blocks(config, model), distillation_like(config, model), model
    )
    step = RecordedStep(model, optimizer, objective)
    shape = batch or largest_batch(config)
    played_shape, times = shape.reduced()
    player = _Player(step, played_shape, vocabulary_size(model))
    played = player.play(config.grad_accumulation_steps)
    parts = {part: played.parts[part] for part in PARTS}
    more = {part: int(parts[part] * (times - 1)) for part in OF_THE_BATCH}
    parts["weights"] += (beside := teacher_weights(config))
    peak = played.peak + beside + sum(more.values())
    transient = peak - beside - _resident(step)
    machine = memory or memory_size()
    return MemoryEstimate(
        **{part: parts[part] + more.get(part, 0) for part in PARTS},
        cache=min(cache_limit(peak), max(transient, 0)),
        peak=peak,
        machine=machine,
        usable=working_memory() if memory is None else int(WORKING_SHARE * memory),
        batch=shape,
        assumed=batch is None,
        trained=trained,
        share=trained / parameters,
    )


def distillation_like(
    config: TrainConfig, model: AttachedModel
) -> Distillation | Divergence | None:
    """A teacher that takes what the one takes that is meant, but for weights of its own."""
    if not config.distils or config.teacher_top:  # what is kept of a teacher is next to nothing
        return None
    divergence = Divergence(config.distill_temperature, config.reverse_kl)
    if config.teacher is None and config.objective == "finetune":
        return divergence
    return Distillation(base_teacher(model.backbone), divergence)


def _with_own_blocks(config: TrainConfig, model: AttachedModel) -> TrainConfig:
    """The options for a teacher of another depth with the backbone in its place."""
    most = len(model.layers)
    if config.teacher in (None, BASE) or not any(n > most for n in config.numbered_blocks):
        return config
    chosen = ",".join(str(min(number, most)) for number in config.numbered_blocks)
    return dataclasses.replace(config, hidden_blocks=chosen)


def teacher_weights(config: TrainConfig) -> int:
    """Bytes of a teacher's own weights, while it answers beside the training."""
    name = config.teacher
    if not config.distils or config.teacher_top or name in (None, BASE):
        return 0
    folder = local(name)
    for weights in (PEFT_FILES.weights, WEIGHTS):  # an adapter shares the backbone
        if folder is not None and (folder / weights).is_file():
            return (folder / weights).stat().st_size
    teacher = build_backbone(
        read_config(resolving.resolve_config(name, flag="--teacher"), name), name
    )
    return sum(array.nbytes for _, array in tree_flatten(teacher.parameters()))


def attached_like(config: TrainConfig, backbone_config: Mapping[str, Any]) -> AttachedModel:
    """The model that the options train, of the right shapes: no weight is read or evaluated."""
    assert config.model is not None
    backbone = build_backbone(backbone_config, config.model)
    options = config.part(ShadowConfig)
    if config.shadow == "mirror":
        return attach_for_training(backbone, backbone_config, config)
    if (pretrained := pretrained_shadow(options)) is None:
        model = _with_model(config, backbone, backbone_config)
    elif differences_from(pretrained, backbone, backbone_config):
        network = carried_shape(pretrained, backbone)
        model = attach(backbone, backbone_config, options, network=network)
    else:
        sizes = with_network_of(pretrained, options)
        model = shaped_like(pretrained, backbone, backbone_config, sizes)
    return made_ready(model, config)


def _with_model(
    config: TrainConfig, backbone: nn.Module, backbone_config: Mapping[str, Any]
) -> AttachedModel:
    """An explicit shadow, of which the configuration is enough."""
    own = read_config(resolving.resolve_config(config.shadow, flag="--shadow"), config.shadow)
    projected = own["model_type"] == PROJECTED_MODEL_TYPE
    return attach(
        backbone,
        backbone_config,
        config.part(ShadowConfig),
        shadow_model_config=own[INNER_CONFIG] if projected else own,
        projected=projected,
    )


def vocabulary_size(model: AttachedModel) -> int:
    """Logits of one position."""
    return int(model.head(model.shadow.backbone(mx.zeros((1, 1), mx.int32))).shape[-1])


def _resident(step: RecordedStep) -> int:
    return sum(array.nbytes for array in step.state.arrays())


class _Player:
    """Plays the programs of a step one after the other, as ``TrainingStep.start`` calls them."""

    def __init__(self, step: RecordedStep, batch: BatchShape, vocabulary: int) -> None:
        self.step = step
        self.batch = batch
        self.vocabulary = vocabulary
        self.memory = Memory(device_pace())
        hold = self.memory.hold
        state = step.state
        self.frozen = [hold(array.nbytes, "weights") for _, array in state.frozen]
        self.changing = [hold(array.nbytes, "adapter") for _, array in state.adapter]
        self.changing += [hold(array.nbytes, "optimizer") for _, array in state.optimizer]
        self.labels = ["adapter"] * len(state.adapter) + ["optimizer"] * len(state.optimizer)

    def play(self, accumulated: int) -> Memory:
        """One optimizer step over so many batches."""
        if accumulated == 1:
            self._update(self.step.whole(self.batch), [])
            return self.memory
        # Two batches that find sums of earlier ones: the second begins while the first still runs.
        following = self.step.following(self.batch)
        sums = [self.memory.hold(array.nbytes, "gradients") for array in self.step.sums()]
        state = [*self.frozen, *self.changing]
        for _ in range(2):
            sums = self._played(following, [*state, *sums], len(state), {})
        self._update(self.step.update(), sums)
        return self.memory

    def _update(self, program: Program, sums: list[Buffer]) -> None:
        names = program.graph.outputs[1:]
        parts = dict(zip(names, self.labels, strict=True))
        given = [*self.frozen, *self.changing, *sums]
        result, *self.changing = self._played(program, given, len(self.frozen), parts)
        self.memory.release(result)

    def _played(
        self, program: Program, given: list[Buffer], kept: int, parts: dict[Name, str]
    ) -> list[Buffer]:
        """Run with what is ``given``, of which the first ``kept`` outlive it, and a batch."""
        graph = program.graph
        rest = [
            self.memory.hold(graph.arrays[name].nbytes, "activations")
            for name in graph.inputs[len(given) :]
        ]
        logits = {
            name: "logits"
            for name, array in graph.arrays.items()
            if len(array.shape) > 1 and array.shape[-1] == self.vocabulary
        }
        gradients = dict.fromkeys(program.gradients, "gradients")
        inputs = [*given, *rest]
        return self.memory.run(graph, inputs, range(kept, len(inputs)), logits | gradients | parts)
