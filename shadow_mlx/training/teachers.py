"""Who the shadow learns from: the backbone, a model that an adapter makes of it, or another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from shadow_mlx import loading
from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.backbones.twin import twin
from shadow_mlx.checkpoints.mlx_lm_adapter import is_mlx_lm_adapter, put_on, read_mlx_lm_adapter
from shadow_mlx.checkpoints.record import CONFIG_FILE
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.paths import local
from shadow_mlx.errors import ConfigError
from shadow_mlx.hub import resolving
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.network import embedding_width
from shadow_mlx.training.distillation import Distillation, Divergence, HeadTeacher
from shadow_mlx.training.teacher_records import Recording

BASE = "base"


def distillation_of(
    config: TrainConfig, backbone: nn.Module, backbone_config: dict[str, Any], tokenizer: Any
) -> Distillation | Divergence | None:
    """The teacher that the options name, loaded; ``None`` where the shadow has none.

    A divergence alone stands for the model that is trained itself.

    A teacher that stands on the same backbone shares its arrays.

    Args:
        config: The settled options.
        backbone: The loaded backbone.
        backbone_config: Its ``config.json``.
        tokenizer: Its tokenizer.

    Raises:
        ConfigError: The teacher has other tokens, or another width where hidden states are learnt.
        ShadowMLXError: It cannot be loaded.
    """
    if not config.distils:
        return None
    divergence = Divergence(config.distill_temperature, config.reverse_kl)
    name = config.teacher or (BASE if config.objective == "pretrain" else None)
    if name is None:
        return divergence
    teacher = _teacher(name, config, backbone, backbone_config, tokenizer)
    own = embedding_width(find_decoder(backbone))
    if config.hidden_weight and teacher.width != own:
        raise ConfigError(
            f"--hidden-weight: the teacher {name} is {teacher.width} wide and the backbone {own}; "
            "hidden states of different widths cannot be compared"
        )
    return Distillation(teacher, divergence)


def recording_of(
    config: TrainConfig, distillation: Distillation | Divergence | None, group: mx.distributed.Group
) -> Recording | None:
    """How the teacher is to be recorded before the first step, if the options say so.

    Raises:
        ConfigError: Several processes would record it.
    """
    if not config.teacher_top:
        return None
    if group.size() > 1:
        raise ConfigError(
            "--teacher-top: several processes cannot share the records; leave it out, so that the "
            "teacher answers while they train"
        )
    assert isinstance(distillation, Distillation)
    assert isinstance(distillation.teacher, HeadTeacher)
    teacher = distillation.teacher
    kept = min(config.teacher_top, teacher.vocabulary)
    return Recording(teacher, config.teacher or BASE, kept, config.distill_temperature)


def _teacher(
    name: str,
    config: TrainConfig,
    backbone: nn.Module,
    backbone_config: dict[str, Any],
    tokenizer: Any,
) -> HeadTeacher:
    if name == BASE:
        return base_teacher(backbone)
    trusted = config.trust_remote_code
    folder = local(name)
    if folder is not None and is_mlx_lm_adapter(folder):
        model = put_on(read_mlx_lm_adapter(folder), _beside(backbone))
        its_tokenizer = tokenizer
    elif folder is None or not (folder / CONFIG_FILE).is_file():
        found = resolving.resolve_model(name, flag="--teacher", trust_remote_code=trusted)
        model, its_tokenizer = loading.load(found, mode="base", trust_remote_code=trusted)
    elif _stands_on(folder, config):
        model = loading.attach_adapter(
            folder, _beside(backbone), backbone_config, str(config.model)
        )
        its_tokenizer = tokenizer
    else:
        model, its_tokenizer = loading.load(None, folder, trust_remote_code=trusted)
    _check_tokens(name, its_tokenizer, tokenizer)
    model.freeze()
    if isinstance(model, AttachedModel):
        attached = model
        width = embedding_width(model.decoder)
        return HeadTeacher(lambda _, inputs: attached.hidden(inputs)[0], model.head, width)
    return base_teacher(model)


def _beside(backbone: nn.Module) -> nn.Module:
    """A twin that a compiled step may use beside the backbone: the same memory by other names.

    MLX refuses to compile a function that is given an array and holds it, too.
    """
    beside = twin(backbone)
    beside.update(tree_map(mx.stop_gradient, beside.parameters()))
    mx.eval(beside.parameters())
    return beside


def base_teacher(model: nn.Module) -> HeadTeacher:
    """A model as it came; of a backbone that carries shadows, the untuned one."""
    decoder = find_decoder(model)

    def states(_: AttachedModel, inputs: mx.array) -> mx.array:
        return decoder.final_hidden(inputs)

    return HeadTeacher(states, HeadView(decoder), embedding_width(decoder))


def _stands_on(adapter: Path, config: TrainConfig) -> bool:
    """Whether an adapter's backbone is the run's own."""
    recorded = resolving.adapter_backbone(adapter)
    if recorded is None:
        return True
    name = resolving.find_recorded(recorded, adapter)
    own = str(config.model)
    return name == own or resolving.resolve_model(name) == resolving.resolve_model(own)


def _check_tokens(name: str, teachers: Any, own: Any) -> None:
    if teachers is not own and teachers.get_vocab() != own.get_vocab():
        raise ConfigError(
            f"--teacher {name}: its tokens are not those of the backbone, so its answers mean "
            "nothing to the shadow; take a model of the same family"
        )
