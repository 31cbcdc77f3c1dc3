"""The detached model as a published shadow, which ``--shadow`` and PEFT's ``shadow_model`` take.

A projected shadow (``causal_lm_with_hidden_projection``) is a small decoder with embeddings of its
own, the projection ``P`` to its backbone's width, and the backbone's head, under transformers'
names. It needs nothing of its backbone.

Shapes: ``V`` tokens, ``D`` backbone width, ``D_s`` shadow width.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

from shadow_mlx import loading
from shadow_mlx.backbones.decoder import Decoder, find_decoder
from shadow_mlx.backbones.keys import Family, family_of
from shadow_mlx.backbones.trial import relative_error
from shadow_mlx.checkpoints.peft import adapter_record
from shadow_mlx.config import ExportConfig
from shadow_mlx.errors import ShadowMLXError, UnsupportedArchitectureError
from shadow_mlx.export.card import CARD_NAME, projected_card
from shadow_mlx.export.folder import MARK, PROGRAM, check_output
from shadow_mlx.export.standalone import FAILURES, MOST_ADDED, TOKENS, built, depth_of, own_table
from shadow_mlx.export.tokenizer_files import copy_tokenizer
from shadow_mlx.files.card_seal import sealed
from shadow_mlx.files.writing import atomic_folder, save_safetensors, write_json, write_text
from shadow_mlx.hub.resolving import resolve_model
from shadow_mlx.shadow import explicit
from shadow_mlx.shadow.detached import DetachedModel
from shadow_mlx.shadow.network import ShadowBackbone
from shadow_mlx.shadow.projection import matrix_of

_APART = 2e-5  # so far, relative to their size, may float32 states be that are summed otherwise


@dataclass(frozen=True)
class ExportedShadow:
    """A projected shadow that was written.

    Attributes:
        folder: Where.
        parameters: How many numbers its network and its projection have.
        bytes: Size of its weights, the backbone's head among them.
        widths: The shadow's and the backbone's.
        added_blocks: Blocks of zeros that its architecture needed.
        apart: How far its logits are from the detached model's, in root mean square, relative to
            theirs, when it is read back.
    """

    folder: Path
    parameters: int
    bytes: int
    widths: tuple[int, int]
    added_blocks: int
    apart: float

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**dataclasses.asdict(self), "folder": str(self.folder)}


def export_projected(
    config: ExportConfig, *, on_step: Callable[[str], None] = lambda what: None
) -> ExportedShadow:
    """Write the detached model of an adapter as a projected shadow, in float32 as it was trained.

    Args:
        config: Which adapter, and where to.
        on_step: Told what is done now, in a few words.

    Raises:
        InputError: The folder holds something else, or the adapter or the backbone cannot be used.
        UnsupportedArchitectureError: The format, or the architecture, cannot say what the shadow
            computes.
        SurroundingsError: The disk is full or otherwise refuses.
    """
    output = Path(config.output).resolve()
    check_output(output)
    on_step("reading the shadow")
    adapter, trusted = config.adapter_path, config.trust_remote_code
    name = loading.backbone_name(config.model, adapter, trust_remote_code=trusted)
    source = resolve_model(str(name), trust_remote_code=trusted)
    detached = loading.load_model(
        name, adapter, "detached", trust_remote_code=trusted, for_training=True
    )
    assert isinstance(detached, DetachedModel)
    family = _family(detached.shadow)
    decoder, network_config, added = _network(detached)
    tensors, head = _tensors(decoder, detached, family), _head(detached)
    projection = tensors[explicit.PROJECTION]
    width, narrow = projection.shape
    settings = _settings(network_config, width, int(head.shape[0]))
    on_step("writing")
    with atomic_folder(output) as folder:
        save_safetensors(
            folder / "model.safetensors", {**tensors, explicit.HEAD: head}, {"format": "pt"}
        )
        write_json(folder / "config.json", settings)
        copy_tokenizer(source, folder, with_code=trusted)
        card = projected_card(adapter_record(adapter), narrow, width)
        write_text(folder / CARD_NAME, sealed(card))
        on_step("reading it back")
        apart = _read_back(folder, detached)
    sizes = [value.size for value in tensors.values()]
    stored = sum(value.nbytes for value in (*tensors.values(), head))
    return ExportedShadow(output, sum(sizes), stored, (narrow, width), added, apart)


def _family(shadow: ShadowBackbone) -> Family:
    model_type = str(shadow.model_config.get("model_type"))
    family = family_of(model_type)
    if family is None:
        raise UnsupportedArchitectureError(
            f"--to projected: the names of {model_type}'s tensors in transformers, which the "
            "format has, are not known to shadow-mlx"
        )
    return family


def _network(detached: DetachedModel) -> tuple[Decoder, dict[str, Any], int]:
    """A decoder with the shadow's states, its configuration, and its blocks of zeros.

    Of the fewest blocks with which it has them.
    """
    shadow = detached.shadow
    own, depth = len(shadow.decoder.blocks), depth_of(shadow.decoder)
    table = own_table(detached, mx.float32)
    reason = ""
    for blocks in range(own, min(depth, own + MOST_ADDED) + 1):
        try:
            model, config = built(detached, blocks, depth, own_head=True)
            decoder = find_decoder(model)
            decoder.embedding.weight = table
            apart = _states_apart(decoder, detached)
        except FAILURES as error:
            reason = reason or str(error).strip().partition("\n")[0] or type(error).__name__
            continue
        if apart <= _APART:
            return decoder, config, blocks - own
        reason = f"a model of {blocks} blocks gives other states ({apart:.1g} apart)"
    raise UnsupportedArchitectureError(
        f"--to projected: the shadow is no plain {shadow.decoder.name}: {reason}"
    )


def _asked(detached: DetachedModel) -> mx.array:
    """Tokens ``[1, T]``, far apart and the same each time."""
    return (mx.arange(TOKENS) * 7919 % int(detached.embedding.weight.shape[0]))[None]


def _states_apart(decoder: Decoder, detached: DetachedModel) -> float:
    inputs = _asked(detached)
    expected = detached.shadow.decoder.final_hidden(inputs)
    return relative_error(decoder.final_hidden(inputs), expected)


def _tensors(decoder: Decoder, detached: DetachedModel, family: Family) -> dict[str, mx.array]:
    """The network under transformers' names, and ``P``; the identity where there is none."""
    inner = {
        name: value.astype(mx.float32)
        for name, value in tree_flatten(decoder.inner.parameters())
        if not name.startswith(f"{decoder.own_head}.")
    }
    found = {explicit.INNER + name: value for name, value in family.outward(inner).items()}
    shadow = detached.shadow
    if "projection" in shadow:
        found[explicit.PROJECTION] = shadow.projection.weight.astype(mx.float32)
    else:
        found[explicit.PROJECTION] = mx.eye(decoder.embedding.weight.shape[1])
    return found


def _head(detached: DetachedModel) -> mx.array:
    """The backbone's head as a matrix ``[V, D]``; in its own precision where that loses nothing."""
    width = int(detached.embedding(mx.zeros((1, 1), dtype=mx.int32)).shape[-1])  # never evaluated
    matrix = mx.array(matrix_of(detached.head_view, width))
    half = matrix.astype(detached.shadow.state_dtype)
    return half if mx.array_equal(half.astype(mx.float32), matrix).item() else matrix


def _settings(network: dict[str, Any], width: int, vocabulary: int) -> dict[str, Any]:
    """``config.json``, as the authors' package reads it; PEFT looks at the network's part alone."""
    from transformers.models.auto.configuration_auto import (
        CONFIG_MAPPING_NAMES,
        model_type_to_module_name,
    )
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    kind = str(network["model_type"])
    module = f"transformers.models.{model_type_to_module_name(kind)}"
    stem = module.rpartition(".")[2]
    return {
        "model_type": explicit.PROJECTED_MODEL_TYPE,
        "architectures": ["AutoModelForCausalLMWithHiddenProjection"],
        "shadow_model_class": f"{module}.modeling_{stem}:{MODEL_MAPPING_NAMES[kind]}",
        "shadow_model_config_class": f"{module}.configuration_{stem}:{CONFIG_MAPPING_NAMES[kind]}",
        explicit.INNER_CONFIG: network,
        "base_hidden_size": width,
        "hidden_size": width,
        "vocab_size": vocabulary,
        "dtype": "float32",
        MARK: PROGRAM,
    }


def _read_back(folder: Path, detached: DetachedModel) -> float:
    """The shadow that ``--shadow`` loads from the folder, asked beside the detached model.

    Raises:
        UnsupportedArchitectureError: It gives other answers, or cannot be read.
    """
    inputs = _asked(detached)
    expected = detached(inputs).astype(mx.float32)
    try:
        network = explicit.load_explicit(folder)
    except (ShadowMLXError, *FAILURES) as error:
        raise UnsupportedArchitectureError(
            "--to projected: what is written cannot be read again, so nothing was written: "
            f"{str(error).partition(chr(10))[0]}"
        ) from error
    assert network.projection is not None
    states = network.decoder.final_hidden(inputs) @ network.projection.T
    found = detached.head(states.astype(detached.shadow.state_dtype)).astype(mx.float32)
    apart = relative_error(found, expected)
    if apart > (_APART if detached.shadow.state_dtype == mx.float32 else 1e-2):
        raise UnsupportedArchitectureError(
            f"--to projected: what is written gives other answers (logits {apart:.1g} apart), so "
            "nothing was written"
        )
    return apart
