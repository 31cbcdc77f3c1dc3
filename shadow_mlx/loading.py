"""Models and tokenizers by name: a backbone alone, with its shadow, or the shadow alone."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as nn
import mlx_lm.utils

from shadow_mlx.backbones.folder import TOKENIZER_FILES, check_tensors
from shadow_mlx.backbones.positions import PositionLimit, position_limit
from shadow_mlx.backbones.sharding import split
from shadow_mlx.backbones.tokenizer import read_tokenizer
from shadow_mlx.backbones.trial import answers
from shadow_mlx.checkpoints.draft_tokens import read_draft_tokens
from shadow_mlx.checkpoints.pair import unbuildable
from shadow_mlx.checkpoints.peft import load_adapter, recorded_backbone
from shadow_mlx.config import BackboneConfig, Mode
from shadow_mlx.data.chat.ending import turn_end
from shadow_mlx.data.chat.rendering import ChatTemplate
from shadow_mlx.errors import CheckpointError, InputError, ModelError, SurroundingsError
from shadow_mlx.hub.resolving import (
    ModelChoice,
    choose_model,
    resolve_model,
    resolve_recorded,
    resolve_tokenizer,
)
from shadow_mlx.shadow.attached import AttachedModel


def load(
    model: str | Path | None = None,
    adapter_path: str | Path | None = None,
    mode: Mode = "attached",
    *,
    trust_remote_code: bool = False,
    group: mx.distributed.Group | None = None,
) -> tuple[nn.Module, Any]:
    """A model that is ready to generate, and its tokenizer, as :func:`mlx_lm.load` gives them.

    Args:
        model: Folder or hub id of the backbone, or a bundled name; by default the adapter's own.
        adapter_path: The adapter's folder; not needed for ``mode="base"``.
        mode: ``"attached"`` (backbone and shadow), ``"detached"`` (the shadow alone, with the
            backbone's embeddings and head) or ``"base"`` (the backbone as it came).
        trust_remote_code: Whether the model's own Python code may run.
        group: Processes over which the backbone is split, by mlx-lm's own ``shard``; the shadow is
            whole on each. All of them must ask the same of the model then.

    Raises:
        InputError: The mode needs an adapter and there is none.
        ModelError: The backbone cannot be loaded, or has no tokenizer.
        CheckpointError: The adapter cannot be used, or belongs to another backbone.
        HubError: The hub cannot be reached.
    """
    found, folder = _load(model, adapter_path, mode, trust_remote_code, False, group)
    return found, load_tokenizer(folder, trust_remote_code=trust_remote_code)


def load_model(
    model: str | Path | None = None,
    adapter_path: str | Path | None = None,
    mode: Mode = "attached",
    *,
    trust_remote_code: bool = False,
    for_training: bool = False,
) -> nn.Module:
    """The model of :func:`load` alone, for folders without a tokenizer.

    Args:
        model: See :func:`load`.
        adapter_path: See :func:`load`.
        mode: See :func:`load`.
        trust_remote_code: See :func:`load`.
        for_training: Keep the shadow's weights in float32, as they are trained, instead of the
            backbone's dtype.

    Raises:
        ShadowMLXError: See :func:`load`.
    """
    return _load(model, adapter_path, mode, trust_remote_code, for_training)[0]


def load_backbone(
    name: str | Path, *, lazy: bool = False, trust_remote_code: bool = False
) -> tuple[nn.Module, dict[str, Any], Path]:
    """A backbone as mlx-lm loads it, its ``config.json``, and its folder.

    Args:
        name: Folder or hub id, or a bundled name.
        lazy: Leave the weights on disk until they are used.
        trust_remote_code: Whether the model's own Python code may run.

    Raises:
        ModelError: There is no such model, or mlx-lm cannot load it.
        HubError: The hub cannot be reached.
    """
    folder = resolve_model(str(name), trust_remote_code=trust_remote_code)
    check_tensors(folder, str(name))
    with _model_errors(name):
        model, config = mlx_lm.utils.load_model(
            folder, lazy=lazy, trust_remote_code=trust_remote_code
        )
    return model, config, folder


def load_tokenizer(folder: str | Path, *, trust_remote_code: bool = False) -> Any:
    """The tokenizer in a model's folder, as :func:`mlx_lm.load` gives it.

    Its end tokens are also the one with which its chat template ends a turn.

    Raises:
        ModelError: There is none, or it cannot be read.
    """
    folder = Path(folder)  # a path, never an id: mlx-lm would ask the hub for it
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder")
    if not any(next(folder.glob(pattern), None) for pattern in TOKENIZER_FILES):
        raise ModelError(
            f"{folder}: has no tokenizer (none of {', '.join(TOKENIZER_FILES)}); "
            "shadow_mlx.load_model gives the model alone"
        )
    tokenizer = read_tokenizer(folder, trust_remote_code=trust_remote_code)
    end = turn_end(tokenizer, ChatTemplate(tokenizer))
    if end is not None:  # base models end a text otherwise than their template ends a turn
        tokenizer.eos_token_ids = {*tokenizer.eos_token_ids, end}
    return tokenizer


class ReadyTokenizer(NamedTuple):
    """A backbone's tokenizer, without its weights.

    Attributes:
        choice: The backbone, and why it is this one.
        tokenizer: As :func:`load_tokenizer` gives it.
        limit: The backbone's positions, if it tells.
    """

    choice: ModelChoice
    tokenizer: Any
    limit: PositionLimit | None


def load_tokenizer_of(backbone: BackboneConfig) -> ReadyTokenizer:
    """The tokenizer that training and generation on a backbone use.

    Raises:
        ModelError: There is no such model, or it has no tokenizer that can be read.
        HubError: The hub cannot be reached.
    """
    trusted = backbone.trust_remote_code
    choice = choose_model(backbone.model)
    folder = resolve_tokenizer(choice.name, trust_remote_code=trusted)
    tokenizer = load_tokenizer(folder, trust_remote_code=trusted)
    limit = position_limit(mlx_lm.utils.load_config(folder))
    return ReadyTokenizer(choice, tokenizer, limit)


def _load(
    name: str | Path | None,
    adapter_path: str | Path | None,
    mode: Mode,
    trust_remote_code: bool,
    for_training: bool,
    group: mx.distributed.Group | None = None,
) -> tuple[nn.Module, Path]:
    """The model, its weights in memory, and the folder of its backbone."""
    if mode not in ("attached", "detached", "base"):
        raise InputError(f"mode: expected attached, detached or base, found {mode!r}")
    if adapter_path is None and mode != "base":
        raise InputError(
            f"mode {mode} needs an adapter: name its folder as adapter_path, or use mode base"
        )
    if name is not None and mode == "base":
        adapter_path = None
    name = backbone_name(name, adapter_path, trust_remote_code=trust_remote_code)
    backbone, config, folder = load_backbone(name, lazy=True, trust_remote_code=trust_remote_code)
    if group is not None and mode != "detached":
        split(backbone, group, str(name))
    if mode == "base":
        return as_base(backbone, name), folder
    assert adapter_path is not None
    if mode == "attached":
        attached = attach_adapter(adapter_path, backbone, config, name, for_training=for_training)
        return attached, folder
    attached = _attached(adapter_path, backbone, config, for_training)
    return _tried(_ready(_detach(attached), name), name, adapter_path), folder


def backbone_name(
    name: str | Path | None, adapter_path: str | Path | None, *, trust_remote_code: bool = False
) -> str | Path:
    """The backbone that is meant: the one that is named, else the adapter's, else the default.

    Raises:
        InputError: The adapter records none.
        CheckpointError: The adapter cannot be read.
        ModelError: The recorded one is not there.
        HubError: The hub cannot be reached.
    """
    if adapter_path is not None:
        record = recorded_backbone(adapter_path)  # an adapter that cannot be read fails first
        if name is None and record is None:
            raise InputError(
                f"{adapter_path}: this adapter does not record its backbone; name it (--model)"
            )
        if name is None and record is not None:
            return resolve_recorded(record, adapter_path, trust_remote_code=trust_remote_code)
    return choose_model(None if name is None else str(name)).name


def as_base(backbone: nn.Module, name: str | Path) -> nn.Module:
    """A backbone of :func:`load_backbone`, its weights in memory, once it has answered.

    Raises:
        ModelError: Its answers are not numbers, or its weights cannot be read.
    """
    return _answering(_ready(backbone, name), name)


def attach_adapter(
    adapter_path: str | Path,
    backbone: nn.Module,
    config: dict[str, Any],
    name: str | Path,
    *,
    for_training: bool = False,
) -> nn.Module:
    """A backbone of :func:`load_backbone` with an adapter's shadow, once it has answered.

    The backbone may carry other shadows already; each model goes by its own.

    Args:
        adapter_path: The adapter's folder.
        backbone: The backbone.
        config: Its ``config.json``.
        name: What to call it in errors.
        for_training: See :func:`load_model`.

    Raises:
        CheckpointError: The adapter cannot be used, or belongs to another backbone.
        ModelError: The backbone's answers are not numbers, or its weights cannot be read.
    """
    attached = _attached(adapter_path, backbone, config, for_training)
    _ready(attached, name)
    if not for_training:
        attached.pack()
    return _tried(attached, name, adapter_path)


def _attached(
    adapter_path: str | Path, backbone: nn.Module, config: dict[str, Any], for_training: bool
) -> AttachedModel:
    attached = load_adapter(adapter_path, backbone, config)
    if not for_training:
        attached.shadow.backbone.cast(attached.shadow.backbone.state_dtype)
        vocabulary = attached.decoder.embedding.weight.shape[0]
        attached.draft_tokens = read_draft_tokens(Path(adapter_path), vocabulary)
    return attached


def _detach(attached: AttachedModel) -> nn.Module:
    """The shadow alone. The backbone's blocks, still on disk, are let go."""
    detached = attached.detached()
    attached.decoder.replace_blocks([])
    return detached


def _ready(model: nn.Module, name: str | Path) -> nn.Module:
    with _model_errors(name):
        mx.eval(model.parameters())
    return model.eval()


def _answering(model: nn.Module, name: str | Path) -> nn.Module:
    """The backbone alone, once it has given an answer of finite numbers."""
    with _model_errors(name):
        finite = answers(model)
    if not finite:
        raise ModelError(
            f"{name}: its answers are not finite numbers (NaN or infinity): its weights or its "
            "config.json are damaged; copy or download them again"
        )
    return model


def _tried(model: nn.Module, name: str | Path, adapter_path: str | Path) -> nn.Module:
    """A model with a shadow, once it has given an answer of finite numbers."""
    with unbuildable(Path(adapter_path)):
        if answers(model):
            return model
    if isinstance(model, AttachedModel):
        _answering(model.backbone, name)
    raise CheckpointError(
        adapter_path,
        [
            "expected answers of finite numbers, found NaN or infinity: a number in its "
            "configuration or its weights is far too large or too small; take an earlier "
            "checkpoint, or train it anew"
        ],
    )


@contextmanager
def _model_errors(name: str | Path) -> Iterator[None]:
    """Turn what mlx-lm says of a model that it cannot load into one error that names the model."""
    try:
        yield
    except (MemoryError, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise ModelError(f"{name}: {_first_line(error)}") from error
        full = isinstance(error, MemoryError) or error.errno == errno.ENOMEM
        reason = "does not fit into memory" if full else f"cannot be read: {_first_line(error)}"
        raise SurroundingsError(f"{name}: {reason}") from error
    except (
        ValueError, LookupError, TypeError, AttributeError, RuntimeError, ImportError,
        ArithmeticError, AssertionError, NameError,
    ) as error:  # fmt: skip
        if isinstance(error, RuntimeError) and "allocate" in str(error):
            raise SurroundingsError(f"{name}: does not fit into memory") from error
        raise ModelError(f"{name}: {_explained(error)}") from error


def _explained(error: Exception) -> str:
    text = _first_line(error)
    if text.startswith("Model type"):
        return (
            f"{text.rstrip('.')} by mlx-lm {mlx_lm.__version__}; a newer mlx-lm may know it, or "
            "choose another model"
        )
    if text.startswith(("Missing", "Received", "Expected shape")):
        listed = ", ".join(str(error).splitlines()[1:4])
        return f"its weights do not fit its config.json: {text} {listed}"
    if isinstance(error, AssertionError | NameError | RecursionError):
        return "its config.json cannot be used: its settings do not fit each other"
    if isinstance(error, RuntimeError):
        return f"its weights cannot be read, the file may be incomplete: {text}"
    if isinstance(error, KeyError):
        text = f"{text} is missing"
    return f"its config.json cannot be used: {text}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
