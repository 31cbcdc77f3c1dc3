"""Who the shadow learns from: the backbone, a model that an adapter makes of it, or another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_map

from shadow_mlx import loading
from shadow_mlx.backbones.block_states import states_behind
from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.backbones.shared_rows import Starts, shared_row_caches
from shadow_mlx.backbones.twin import twin
from shadow_mlx.backbones.vocabularies import token_conflicts
from shadow_mlx.backbones.wrapping import unwrapped
from shadow_mlx.checkpoints.mlx_lm_adapter import is_mlx_lm_adapter, put_on, read_mlx_lm_adapter
from shadow_mlx.checkpoints.record import CONFIG_FILE
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.paths import local
from shadow_mlx.errors import ConfigError
from shadow_mlx.files.stamp import files_stamp
from shadow_mlx.hub import resolving
from shadow_mlx.parallel.team import Team
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.network import embedding_width
from shadow_mlx.training.distillation import Distillation, Divergence, HeadTeacher
from shadow_mlx.training.teacher_records import RecordedTeacher, Recording

BASE = "base"


@dataclass(frozen=True)
class Found:
    """A teacher that is there, not loaded yet.

    Attributes:
        name: As it was named.
        folders: Where its files lie, and those of the backbone that it stands on.
        load: Loads it.
    """

    name: str
    folders: tuple[Path, ...]
    load: Callable[[], HeadTeacher]


def distillation_of(
    config: TrainConfig, backbone: nn.Module, found: Found | None
) -> Distillation | Divergence | None:
    """What the shadow learns from, by the options; ``None`` where it has no teacher.

    A divergence alone stands for the model that is trained itself. A teacher that is recorded
    before the first step is not loaded here.

    Args:
        config: The settled options.
        backbone: The loaded backbone.
        found: The teacher that they name.

    Raises:
        ConfigError: The teacher has other tokens, or another width where hidden states are learnt.
        ShadowMLXError: It cannot be loaded.
    """
    if not config.distils:
        return None
    divergence = Divergence(config.distill_temperature, config.reverse_kl)
    if found is None:
        return divergence
    if config.teacher_top:
        return Distillation(RecordedTeacher(), divergence)
    teacher, own = found.load(), embedding_width(find_decoder(backbone))
    if config.hidden_weight and teacher.width != own:
        raise ConfigError(
            f"--hidden-weight: the teacher {found.name} is {teacher.width} wide and the backbone "
            f"{own}; hidden states of different widths cannot be compared"
        )
    return Distillation(teacher, divergence)


def recording_of(config: TrainConfig, found: Found | None, team: Team) -> Recording | None:
    """How the teacher is to be recorded before the first step, if the options say so.

    Raises:
        ConfigError: Several processes would record it.
    """
    if not config.teacher_top or found is None:
        return None
    if team.size > 1:
        raise ConfigError(
            "--teacher-top: several processes cannot share the records; leave it out, so that the "
            "teacher answers while they train"
        )
    stamp = files_stamp(*found.folders)
    return Recording(found.load, stamp, config.teacher_top, config.distill_temperature)


def find_teacher(
    config: TrainConfig, backbone: nn.Module, backbone_config: dict[str, Any], tokenizer: Any
) -> Found | None:
    """The teacher that the options name, or ``base`` in pretraining; ``None`` without one.

    A teacher that stands on the run's own backbone shares its arrays.

    Args:
        config: The settled options.
        backbone: The loaded backbone.
        backbone_config: Its ``config.json``.
        tokenizer: Its tokenizer.

    Raises:
        ModelError: There is no such model.
        HubError: The hub cannot be reached.
        CheckpointError: It is an adapter that cannot be used.
    """
    name = config.teacher or (BASE if config.objective == "pretrain" else None)
    if not config.distils or name is None:
        return None
    trusted = config.trust_remote_code
    own = resolving.resolve_model(str(config.model), trust_remote_code=trusted)

    def found(load: Callable[[], tuple[nn.Module, Any]], *folders: Path) -> Found:
        return Found(name, folders, lambda: _ready(name, tokenizer, *load()))

    folder = local(name)
    if name == BASE:
        return Found(name, (own,), lambda: base_teacher(backbone))
    if folder is not None and is_mlx_lm_adapter(folder):
        if config.parallel == "tensor":
            raise ConfigError(
                f"--teacher {name}: an adapter of mlx-lm cannot stand on a split backbone; leave "
                "it or --parallel tensor out"
            )
        adapter = read_mlx_lm_adapter(folder)
        return found(lambda: (put_on(adapter, _beside(backbone)), tokenizer), folder, own)
    if folder is None or not (folder / CONFIG_FILE).is_file():
        model = resolving.resolve_model(name, flag="--teacher", trust_remote_code=trusted)
        return found(lambda: loading.load(model, mode="base", trust_remote_code=trusted), model)
    recorded = loading.backbone_name(None, folder, trust_remote_code=trusted)
    first = resolving.resolve_model(str(recorded), trust_remote_code=trusted)
    if first != own:
        return found(lambda: loading.load(first, folder, trust_remote_code=trusted), folder, first)

    def attached() -> tuple[nn.Module, Any]:
        shared = _beside(backbone)
        return loading.attach_adapter(folder, shared, backbone_config, own), tokenizer

    return found(attached, folder, own)


def _ready(name: str, own_tokenizer: Any, model: nn.Module, tokenizer: Any) -> HeadTeacher:
    """A loaded model as a teacher.

    Raises:
        ConfigError: Its tokens are others.
    """
    if tokenizer is not own_tokenizer and (examples := token_conflicts(tokenizer, own_tokenizer)):
        shown = "; ".join(examples[:3])
        raise ConfigError(
            f"--teacher {name}: its tokens are not those of the backbone ({shown}), so its answers "
            "mean nothing to the shadow; take a model of the same family"
        )
    model.freeze()
    if isinstance(model, AttachedModel):
        width = embedding_width(model.decoder)
        return HeadTeacher(
            lambda _, inputs, blocks, starts: model.states(inputs, blocks, starts=starts),
            model.head,
            width,
            len(model.layers),
        )
    return base_teacher(model)


def _beside(backbone: nn.Module) -> nn.Module:
    """A twin that a compiled step may use beside the backbone: the same memory by other names.

    MLX refuses to compile a function that is given an array and holds it, too. The twin carries no
    shadow, even if the backbone does by now: an adapter of mlx-lm is put on by its modules' names.
    """
    beside = twin(backbone)
    decoder = find_decoder(beside)
    decoder.replace_blocks([unwrapped(block) for block in decoder.blocks])
    beside.update(tree_map(mx.stop_gradient, beside.parameters()))
    mx.eval(beside.parameters())
    return beside


def base_teacher(model: nn.Module) -> HeadTeacher:
    """A model as it came; of a backbone that carries shadows, the untuned one."""
    decoder = find_decoder(model)

    def states(
        _: AttachedModel, inputs: mx.array, blocks: Sequence[int], starts: Starts | None
    ) -> tuple[mx.array, ...]:
        return states_behind(decoder, inputs, blocks, shared_row_caches(model, starts))

    return HeadTeacher(states, HeadView(decoder), embedding_width(decoder), len(decoder.blocks))
