"""Adapters in PEFT's format: what is trained here opens there, and the reverse."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.keys import Family, family_of
from shadow_mlx.checkpoints.card import model_card
from shadow_mlx.checkpoints.pair import unbuildable
from shadow_mlx.checkpoints.peft_mirror import (
    foreign_mirror_config,
    has_own_table,
    why_not_for_peft,
)
from shadow_mlx.checkpoints.record import (
    PEFT_FILES,
    AdapterRecord,
    BackboneIdentity,
    identity_of,
    read_record,
)
from shadow_mlx.checkpoints.shadow_peft import (
    is_original,
    load_original,
    read_original_record,
    save_original,
)
from shadow_mlx.checkpoints.tensors import (
    adapter_tensors,
    assign,
    block_path,
    blocks_in,
    copies_of,
    shares_embeddings,
    table_key,
)
from shadow_mlx.checkpoints.whole import whole_adapter
from shadow_mlx.config import BUNDLED_MODEL, ShadowConfig
from shadow_mlx.config.shadow import Sharing
from shadow_mlx.errors import CheckpointError, ConfigError
from shadow_mlx.files.tensor_files import TensorInfo
from shadow_mlx.hub import resolving
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.shadow_peft import Variant


def save_adapter(
    folder: str | Path,
    model: AttachedModel,
    *,
    backbone: str,
    backbone_config: Mapping[str, Any],
    training: Mapping[str, Any] | None = None,
    template: Mapping[str, Any] | None = None,
    variant: Variant | None = None,
) -> None:
    """Write ``adapter_config.json``, ``adapter_model.safetensors`` and ``README.md`` into a folder.

    A model of the original variant is written in the original package's files instead. All are
    written beside their places first and then renamed, so that a full disk or a crash leaves the
    adapter that was there.

    Args:
        folder: Where; made if it is missing.
        model: What is saved. Its ``config.shadow`` names an explicit shadow.
        backbone: Folder or hub id of the backbone, kept as an absolute path or as the id.
        backbone_config: The backbone's ``config.json``.
        training: Figures of the run for the model card, in the order to show them.
        template: How the chat template was used, as :func:`template_record.to_record` gives it.
        variant: The format asked for, where it must be a certain one.

    Raises:
        ConfigError: The variant asked for is not the model's.
        SurroundingsError: The disk is full, read-only, or otherwise refuses.
    """
    folder = Path(folder)
    if variant not in (None, model.shadow.variant):
        raise ConfigError(
            f"an adapter of the {model.shadow.variant} variant cannot become one of the {variant} "
            "variant: they are different functions (blocks, activation, biases, norm, place of "
            "the dropout), so the weights of one mean nothing in the other; train it anew"
        )
    network, families = model.shadow.backbone, _families(model, backbone_config)
    own_blocks, own_network = families if None not in families else (None, None)
    record = AdapterRecord(
        config=dataclasses.replace(model.config, shadow=_lasting_name(model.config.shadow)),
        backbone_name=_lasting_name(backbone),
        backbone=identity_of(model.decoder, backbone_config),
        model_config=network.model_config,
        own_table=model.config.shadow == "mirror" and not shares_embeddings(model),
        projected="projection" in network,
        layout="transformers" if own_network else "mlx-lm",
        not_for_peft=why_not_for_peft(model, backbone_config, own_blocks),
        training=dict(training) if training else None,
        template=dict(template) if template else None,
    )
    if model.shadow.variant == "original":
        save_original(folder, model, record, own_network)
        return
    blocks = block_path(model, own_blocks)
    trained = sum(value.size for _, value in tree_flatten(model.trainable_parameters()))
    PEFT_FILES.write(
        folder,
        adapter_tensors(model, blocks, own_network),
        lambda digest: dataclasses.replace(record, weights_sha256=digest).to_json(blocks),
        model_card(record, trained),
    )


def load_adapter(
    folder: str | Path, backbone: nn.Module, backbone_config: Mapping[str, Any]
) -> AttachedModel:
    """Attach the adapter in ``folder``, written here or by PEFT, to a loaded backbone.

    Files of the original package (``shadow_config.json``) make a model of the original variant.

    The shadow's weights are float32, as they are trained. No weight of the backbone is evaluated.

    Raises:
        CheckpointError: There is no adapter, it is of a future version, it belongs to another
            backbone, its files are damaged or of two different saves, or tensors are missing,
            extra, misshapen, of a wrong type or not finite: all of these together.
        ConfigError: Its options do not fit the backbone.
        UnsupportedArchitectureError: The backbone's architecture cannot carry a shadow.
    """
    folder = whole_adapter(Path(folder))
    if is_original(folder):
        return load_original(folder, backbone, backbone_config)
    record = read_record(folder)
    header = PEFT_FILES.read_header(folder)
    _check_backbone(folder, record, header, identity_of(find_decoder(backbone), backbone_config))
    PEFT_FILES.check_digest(folder, record.weights_sha256)
    with unbuildable(folder / PEFT_FILES.config):
        model = _attach(record, backbone, backbone_config)
    family = _network_family(record, model)
    blocks = next(iter(blocks_in(header)))
    expected = adapter_tensors(model, blocks, family, table=False)
    passed_over = {table_key(model)} if shares_embeddings(model) else set()
    tensors = PEFT_FILES.read_tensors(folder, expected, passed_over)
    _check_copies(folder, tensors, len(model.layers), record.config.sharing)
    assign(model, tensors, family)
    model.config = record.config
    return model


def attach_network_of(
    folder: str | Path,
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    config: ShadowConfig,
    *,
    seed: int = 0,
) -> AttachedModel:
    """A fresh adapter around the shadow network of the adapter in ``folder``.

    Args:
        folder: An adapter of the same backbone; its injections and updates are not read.
        backbone: The loaded backbone.
        backbone_config: Its ``config.json``.
        config: The options of what is fresh; :func:`with_network_of` has filled in the network's.
        seed: Seed of the random start.

    Raises:
        CheckpointError: See :func:`load_adapter`.
        ConfigError: Its options do not fit the backbone.
        UnsupportedArchitectureError: The backbone's architecture cannot carry a shadow.
    """
    folder = whole_adapter(Path(folder))
    record = _own_record(folder)
    header = PEFT_FILES.read_header(folder)
    _check_backbone(folder, record, header, identity_of(find_decoder(backbone), backbone_config))
    PEFT_FILES.check_digest(folder, record.weights_sha256)
    with unbuildable(folder / PEFT_FILES.config):
        wanted = dataclasses.replace(record, config=config)
        model = _attach(wanted, backbone, backbone_config, seed)
    family = _network_family(record, model)
    blocks = next(iter(blocks_in(header)))
    everything = adapter_tensors(model, blocks, family, table=False)
    network = {name: value for name, value in everything.items() if not blocks_in([name])}
    passed_over = {name for name in header if blocks_in([name])}
    if shares_embeddings(model):
        passed_over.add(table_key(model))
    assign(model, PEFT_FILES.read_tensors(folder, network, passed_over), family)
    return model


def shaped_like(
    folder: str | Path,
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    config: ShadowConfig | None = None,
) -> AttachedModel:
    """A fresh model of the shape that an adapter records; none of its tensors is read.

    Args:
        folder: The adapter.
        backbone: The backbone that it belongs to; it may be a skeleton.
        backbone_config: Its ``config.json``.
        config: The options of what is around the network; those of the adapter by default.

    Raises:
        CheckpointError: There is no adapter of PEFT's format, or its configuration is broken.
        ConfigError: Its options do not fit the backbone.
        UnsupportedArchitectureError: The backbone's architecture cannot carry a shadow.
    """
    folder = whole_adapter(Path(folder))
    record = _own_record(folder)
    wanted = dataclasses.replace(record, config=config or record.config)
    with unbuildable(folder / PEFT_FILES.config):
        return _attach(wanted, backbone, backbone_config)


def differences_from(
    folder: str | Path, backbone: nn.Module, backbone_config: Mapping[str, Any]
) -> list[str]:
    """In what a backbone differs from the one that an adapter belongs to; empty if it is that.

    Raises:
        CheckpointError: There is no adapter of PEFT's format, or it cannot be read.
        UnsupportedArchitectureError: The backbone's architecture cannot carry a shadow.
    """
    folder = whole_adapter(Path(folder))
    given = identity_of(find_decoder(backbone), backbone_config)
    return _differences(folder, _own_record(folder), PEFT_FILES.read_header(folder), given)


def with_network_of(folder: str | Path, config: ShadowConfig) -> ShadowConfig:
    """The options, with those of the shadow network from the adapter in ``folder``.

    Raises:
        CheckpointError: There is no adapter of PEFT's format, or its configuration is broken.
    """
    own = _own_record(whole_adapter(Path(folder))).config
    names = ("shadow", *ShadowConfig.MIRROR_ONLY)
    return dataclasses.replace(config, **{name: getattr(own, name) for name in names})


def _own_record(folder: Path) -> AdapterRecord:
    if is_original(folder):
        raise CheckpointError(
            folder,
            [
                "expected an adapter in PEFT's format, found one of the original package: its "
                "shadow network is of another function"
            ],
        )
    return read_record(folder)


def adapter_record(folder: str | Path) -> AdapterRecord:
    """What an adapter of either format says of itself, without loading a tensor.

    Raises:
        CheckpointError: There is no adapter, or its configuration cannot be used.
    """
    folder = whole_adapter(Path(folder))
    return read_original_record(folder) if is_original(folder) else read_record(folder)


def recorded_backbone(folder: str | Path) -> str | None:
    """Folder or hub id of the backbone that an adapter records, or ``None``.

    Raises:
        CheckpointError: There is no adapter, or its configuration cannot be used.
    """
    return adapter_record(folder).backbone_name


def _network_family(record: AdapterRecord, model: AttachedModel) -> Family | None:
    """Whose names the tensors of the shadow network have in the file."""
    if record.layout != "transformers":
        return None
    return family_of(str(model.shadow.backbone.model_config.get("model_type")))


def _attach(
    record: AdapterRecord,
    backbone: nn.Module,
    backbone_config: Mapping[str, Any],
    seed: int = 0,
) -> AttachedModel:
    """A fresh model of the recorded shape."""
    config = record.config
    if record.model_config is not None:
        return attach(
            backbone,
            backbone_config,
            config,
            seed=seed,
            shadow_model_config=record.model_config,
            own_table=record.own_table,
            projected=record.projected,
        )
    if config.shadow != "mirror":
        local = dataclasses.replace(
            config, shadow=str(resolving.resolve_model(config.shadow, flag="--shadow"))
        )
        return attach(backbone, backbone_config, local, seed=seed)
    decoder = find_decoder(backbone)
    return attach(
        backbone,
        backbone_config,
        config,
        seed=seed,
        shadow_model_config=foreign_mirror_config(decoder, backbone_config, config),
        own_table=has_own_table(decoder, config, share_embeddings=not record.own_table),
    )


def _families(
    model: AttachedModel, backbone_config: Mapping[str, Any]
) -> tuple[Family | None, Family | None]:
    """The families of the backbone and of the shadow network."""
    types = (backbone_config.get("model_type"), model.shadow.backbone.model_config["model_type"])
    return family_of(str(types[0])), family_of(str(types[1]))


def _check_backbone(
    folder: Path,
    record: AdapterRecord,
    header: Mapping[str, TensorInfo],
    given: BackboneIdentity,
) -> None:
    """One message for an adapter of another backbone, instead of one for each of its tensors."""
    if differences := _differences(folder, record, header, given):
        name = f" ({record.backbone_name})" if record.backbone_name else ""
        raise CheckpointError(folder, [f"belongs to another backbone{name}:", *differences])


def _differences(
    folder: Path,
    record: AdapterRecord,
    header: Mapping[str, TensorInfo],
    given: BackboneIdentity,
) -> list[str]:
    """One line for each property in which the backbone given is not the adapter's."""
    blocks = blocks_in(header)
    if len(blocks) != 1:
        raise CheckpointError(
            folder / PEFT_FILES.weights,
            [
                "expected tensors such as base_model.model.….layers.0.shadow_down.default.weight "
                f"for one list of decoder blocks, found {len(blocks)} lists"
            ],
        )
    made_for = record.backbone
    if made_for is None:
        path, indices = next(iter(blocks.items()))
        downs = [
            info.shape[-1]
            for name, info in header.items()
            if name.startswith(f"base_model.model.{path}.") and "shadow_down" in name and info.shape
        ]
        width = downs[0] if downs else given.hidden_size
        made_for = BackboneIdentity(None, width, max(indices) + 1, None)
    return made_for.differences(given)


def _check_copies(
    folder: Path, tensors: Mapping[str, mx.array], blocks: int, sharing: Sharing
) -> None:
    """Refuse an adapter of which some block has other values of what the blocks share."""
    problems = [
        f"{copy}: expected the same values as block 0 (sharing: {sharing}), found others"
        for name in sorted(tensors)
        for copy in copies_of(name, blocks, sharing)
        if not mx.array_equal(tensors[copy], tensors[name]).item()
    ]
    if problems:
        raise CheckpointError(folder / PEFT_FILES.weights, problems)


def _lasting_name(name: str) -> str:
    """A name that means the same from every working directory."""
    path = Path(name)
    local = name not in ("mirror", BUNDLED_MODEL) and path.is_dir()
    return str(path.resolve()) if local else name
