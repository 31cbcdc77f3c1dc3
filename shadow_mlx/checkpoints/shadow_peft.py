"""Adapters of the authors' first package (``shadow-peft`` 0.1), read and written.

They hold weights of another function than PEFT's (see :mod:`shadow_mlx.shadow.shadow_peft`), under
other names: the injection's matrices of all blocks but the first are stacked, ``[in, out]``.

Shapes: ``L`` blocks, ``D`` backbone width, ``r`` rank, ``u`` update width, ``V`` vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.keys import Family, family_of
from shadow_mlx.checkpoints.card import model_card
from shadow_mlx.checkpoints.pair import Pair, unbuildable
from shadow_mlx.checkpoints.peft_mirror import foreign_mirror_config
from shadow_mlx.checkpoints.record import OURS, AdapterRecord, identity_of, own_part_of
from shadow_mlx.checkpoints.tensors import shares_embeddings
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import CheckpointError, ConfigError
from shadow_mlx.files.json_files import kind_of
from shadow_mlx.hub import resolving
from shadow_mlx.shadow.attached import AttachedModel, attach

ORIGINAL_FILES = Pair("shadow_config.json", "shadow_adapter.safetensors")

_FIELDS = {
    "rank": "injection_hidden_size",
    "update_hidden_size": "gate_hidden_size",
    "alpha": "alpha",
    "dropout": "dropout",
    "shadow_layers": "num_shadow_layers",
    "shadow_intermediate_size": "shadow_intermediate_size",
    "shadow_heads": "shadow_num_attention_heads",
    "shadow_kv_heads": "shadow_num_key_value_heads",
    "shadow_head_dim": "shadow_head_dim",
}
_AUX_WEIGHT = 0.05  # the package's own; its files do not say
_NETWORK = "shadow_model."
_PROJECTION = "shadow_hidden_projection.weight"  # [D, D_s]
_DOWNS = "shadow_injection_model.injection_downs"  # [L − 1, D, r]
_UPS = "shadow_injection_model.injection_ups"  # [L − 1, r, D]
_NORM = "shadow_update_model.hidden_norm."
_UPDATES = {
    "gate.first.weight": "shadow_update_model.update_gates.{}.0.weight",  # [u, D]
    "gate.second.weight": "shadow_update_model.update_gates.{}.2.weight",  # [D, u]
    "transform.first.weight": "shadow_update_model.update_transforms.{}.0.weight",
    "transform.second.weight": "shadow_update_model.update_transforms.{}.3.weight",
}


def is_original(folder: Path) -> bool:
    """Whether the folder holds files of the original package, and none of PEFT's format."""
    return (folder / ORIGINAL_FILES.config).is_file() and not (
        folder / "adapter_config.json"
    ).is_file()


def save_original(
    folder: Path, model: AttachedModel, record: AdapterRecord, family: Family | None
) -> None:
    """Write the original package's files, and a model card.

    Args:
        folder: Where; made if it is missing.
        model: A model of the original variant.
        record: Its description.
        family: The family of its shadow network.

    Raises:
        ConfigError: The names of its tensors in transformers are not known.
        SurroundingsError: The disk is full, read-only, or otherwise refuses.
    """
    if family is None:
        raise ConfigError(
            "the original variant cannot be saved for this architecture: the names of its "
            "tensors in transformers are not known to shadow-mlx"
        )
    options = record.config.to_mapping()

    def describe(digest: str) -> dict[str, Any]:
        ours = dataclasses.replace(record, weights_sha256=digest).own_part("original")
        ours |= {"backbone_name": record.backbone_name, "shadow": record.config.shadow}
        ours["aux_weight"] = record.config.aux_weight
        plain = {theirs: options[name] for name, theirs in _FIELDS.items()}
        if record.config.shadow != "mirror":
            plain["num_shadow_layers"] = 1  # the package's default, which it does not look at then
        plain["gate_hidden_size"] = plain["gate_hidden_size"] or record.config.rank
        return {**plain, "modules_to_save": [], OURS: ours}

    trained = sum(value.size for _, value in tree_flatten(model.trainable_parameters()))
    tensors = _tensors(model, family)
    if shares_embeddings(model) and not _table_key(model).endswith(".embed_tokens.weight"):
        # The package drops a shared table by that name only, and then insists on finding it.
        table = model.decoder.embedding
        tensors[_table_key(model)] = table(mx.arange(table.weight.shape[0])).astype(mx.float32)
    ORIGINAL_FILES.write(folder, tensors, describe, model_card(record, trained, "original"))


def load_original(
    folder: Path,
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    shadow: str | None = None,
) -> AttachedModel:
    """Attach an adapter in the original package's files to a loaded backbone.

    Args:
        folder: The adapter's folder.
        backbone: The model that it is attached to.
        backbone_config: Its ``config.json``.
        shadow: Folder or hub id of the explicit shadow, which the package's files do not name.

    Raises:
        CheckpointError: The files cannot be used, or belong to another backbone.
        ConfigError: The options do not fit the backbone.
    """
    record = read_original_record(folder)
    header = ORIGINAL_FILES.read_header(folder)
    if record.backbone is not None:
        given = identity_of(find_decoder(backbone), backbone_config)
        if differences := record.backbone.differences(given):
            raise CheckpointError(folder, ["belongs to another backbone:", *differences])
    ORIGINAL_FILES.check_digest(folder, record.weights_sha256)
    if shadow is not None:
        record = dataclasses.replace(record, config=_explicit(record.config, shadow))
    elif record.model_config is None and (
        _PROJECTION in header or _NETWORK + "embed_tokens.weight" in header
    ):
        raise CheckpointError(
            folder,
            [
                "made with an explicit shadow model, which its files do not name: pass its folder "
                "or hub id as `shadow`"
            ],
        )
    with unbuildable(folder / ORIGINAL_FILES.config):
        model = _attach(record, backbone, backbone_config)
    family = family_of(str(model.shadow.backbone.model_config.get("model_type"))) or Family()
    passed_over = {_table_key(model)} if shares_embeddings(model) else set()
    tensors = ORIGINAL_FILES.read_tensors(folder, _tensors(model, family), passed_over)
    _assign(model, tensors, family)
    model.config = record.config
    return model


def read_original_record(folder: Path) -> AdapterRecord:
    """The configuration of an adapter in the original package's files.

    Raises:
        CheckpointError: It cannot be read, or a field has a wrong value.
    """
    values = ORIGINAL_FILES.read_config(folder)
    where = folder / ORIGINAL_FILES.config
    ours = own_part_of(values, where)
    problems = []
    if saved := values.get("modules_to_save"):
        problems.append(f"modules_to_save: expected none, found {kind_of(saved)}")
    options = {name: values[theirs] for name, theirs in _FIELDS.items() if theirs in values}
    options |= {"sharing": "layer", "aux_weight": ours.get("aux_weight", _AUX_WEIGHT)}
    for name in ("backbone_name", "shadow"):
        if not (ours.get(name) is None or isinstance(ours[name], str)):
            problems.append(f"{OURS}.{name}: expected a name, found {kind_of(ours[name])}")
    if ours.get("shadow", "mirror") != "mirror":
        options = _without_mirror(options) | {"shadow": ours["shadow"]}
    try:
        config = ShadowConfig.from_mapping(options, where="as our option")
    except ConfigError as error:
        problems += str(error).splitlines()
    if problems:
        raise CheckpointError(where, problems)
    record = AdapterRecord(config, ours.get("backbone_name"))
    return record.with_own_part(where, ours) if ours else record


def _explicit(config: ShadowConfig, shadow: str) -> ShadowConfig:
    return ShadowConfig.from_mapping(_without_mirror(config.to_mapping()) | {"shadow": shadow})


def _without_mirror(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in ShadowConfig.MIRROR_ONLY}


def _attach(
    record: AdapterRecord, backbone: nn.Module, backbone_config: Mapping[str, Any]
) -> AttachedModel:
    config, model_config = record.config, record.model_config
    if model_config is None and config.shadow == "mirror":
        model_config = foreign_mirror_config(find_decoder(backbone), backbone_config, config)
    elif model_config is None:
        folder = resolving.resolve_model(config.shadow, flag="--shadow")
        config = dataclasses.replace(config, shadow=str(folder))
    return attach(
        backbone,
        backbone_config,
        config,
        shadow_model_config=model_config,
        projected=record.projected,
        variant="original",
    )


def _table_key(model: AttachedModel) -> str:
    return f"{_NETWORK}{model.shadow.backbone.decoder.embedding_name}.weight"


def _tensors(model: AttachedModel, family: Family) -> dict[str, mx.array]:
    """Everything under the original package's names, float32, not yet evaluated."""
    inner = dict(tree_flatten(model.shadow.backbone.inner.parameters()))
    found = {_NETWORK + name: value for name, value in family.outward(inner).items()}
    if "projection" in model.shadow.backbone:
        found[_PROJECTION] = model.shadow.backbone.projection.weight
    layers = [dict(tree_flatten(layer.parameters())) for layer in model.shadow.layers]
    found[_DOWNS] = mx.stack([layer["down.weight"].T for layer in layers])
    found[_UPS] = mx.stack([layer["up.weight"].T for layer in layers])
    for index, layer in enumerate(layers):
        found |= {theirs.format(index): layer[ours] for ours, theirs in _UPDATES.items()}
    found |= {_NORM + name: value for name, value in model.shadow.norm.parameters().items()}
    return {name: value.astype(mx.float32) for name, value in found.items()}


def _assign(model: AttachedModel, tensors: Mapping[str, mx.array], family: Family) -> None:
    """The inverse of :func:`_tensors`."""
    wide = {name: value.astype(mx.float32) for name, value in tensors.items()}
    inner = {k.removeprefix(_NETWORK): v for k, v in wide.items() if k.startswith(_NETWORK)}
    model.shadow.backbone.inner.update(tree_unflatten(list(family.inward(inner).items())))
    if _PROJECTION in wide:
        model.shadow.backbone.projection.weight = wide[_PROJECTION]
    for index, layer in enumerate(model.shadow.layers):
        values = [(ours, wide[theirs.format(index)]) for ours, theirs in _UPDATES.items()]
        values += [("down.weight", wide[_DOWNS][index].T), ("up.weight", wide[_UPS][index].T)]
        layer.update(tree_unflatten(values))
    model.shadow.norm.update({name: wide[_NORM + name] for name in ("weight", "bias")})
