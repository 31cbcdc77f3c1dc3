"""Adapters in PEFT's format, written and read: a shadow trained here opens there, and the reverse.

A folder is one adapter only if its two files belong together: the configuration records the digest
of the weights' file, so a mixture of two saves (a crash between two renames, a partial copy) is
found out instead of loaded.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten

from shadow_mlx import hub
from shadow_mlx.checkpoints.card import model_card
from shadow_mlx.checkpoints.keys import Family, family_of
from shadow_mlx.checkpoints.peft_mirror import (
    has_own_table,
    peft_mirror_config,
    why_not_for_peft,
)
from shadow_mlx.checkpoints.record import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    AdapterRecord,
    BackboneIdentity,
    identity_of,
    read_record,
)
from shadow_mlx.checkpoints.safetensors import TensorInfo, read_header
from shadow_mlx.checkpoints.tensors import (
    adapter_tensors,
    assign,
    block_path,
    blocks_in,
    copies_of,
    shares_embeddings,
    table_key,
)
from shadow_mlx.config import BUNDLED_MODEL, ShadowConfig
from shadow_mlx.errors import CheckpointError
from shadow_mlx.files import atomic_file
from shadow_mlx.shadow.attached import AttachedModel, attach
from shadow_mlx.shadow.decoder import find_decoder

_FLOATS = ("F32", "BF16", "F16")


def save_adapter(
    folder: str | Path,
    model: AttachedModel,
    *,
    backbone: str,
    backbone_config: Mapping[str, Any],
    training: Mapping[str, Any] | None = None,
) -> None:
    """Write ``adapter_config.json``, ``adapter_model.safetensors`` and ``README.md`` into a folder.

    All three are written beside their places first and then renamed, so that a full disk or a crash
    leaves the adapter that was there.

    Args:
        folder: Where; made if it is missing.
        model: What is saved. Its ``config.shadow`` names an explicit shadow.
        backbone: Folder or hub id of the backbone, kept as an absolute path or as the id.
        backbone_config: The backbone's ``config.json``.
        training: Figures of the run for the model card, in the order to show them.

    Raises:
        SurroundingsError: The disk is full, read-only, or otherwise refuses.
    """
    folder = Path(folder)
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
    )
    blocks = block_path(model, own_blocks)
    tensors = adapter_tensors(model, blocks, own_network)
    trained = sum(value.size for _, value in tree_flatten(model.trainable_parameters()))
    with (
        ExitStack() as stack
    ):  # leaves, and so renames, the last one first: README, weights, config
        config_file = stack.enter_context(atomic_file(folder / CONFIG_FILE))
        weights_file = stack.enter_context(atomic_file(folder / WEIGHTS_FILE))
        card_file = stack.enter_context(atomic_file(folder / "README.md"))
        mx.save_safetensors(weights_file, tensors, {"format": "pt"})
        weights_file.flush()
        record = dataclasses.replace(record, weights_sha256=_digest(Path(weights_file.name)))
        written = json.dumps(record.to_json(blocks), indent=2, sort_keys=True, ensure_ascii=False)
        config_file.write(written.encode() + b"\n")
        card_file.write(model_card(record, trained).encode())
        for file in (weights_file, config_file, card_file):  # nothing slow between the renames
            file.flush()
            os.fsync(file.fileno())


def load_adapter(
    folder: str | Path, backbone: nn.Module, backbone_config: Mapping[str, Any]
) -> AttachedModel:
    """Attach the adapter in ``folder``, written here or by PEFT, to a loaded backbone.

    The shadow's weights are float32, as they are trained. No weight of the backbone is evaluated.

    Raises:
        CheckpointError: There is no adapter, it is of a future version, it belongs to another
            backbone, its files are damaged or of two different saves, or tensors are missing,
            extra, misshapen, of a wrong type or not finite: all of these together.
        ConfigError: Its options do not fit the backbone.
        UnsupportedArchitectureError: The backbone's architecture cannot carry a shadow.
    """
    folder = Path(folder)
    record = read_record(folder)
    path = folder / WEIGHTS_FILE
    header = read_header(path)
    _check_backbone(folder, record, header, identity_of(find_decoder(backbone), backbone_config))
    if record.weights_sha256 is not None and _digest(path) != record.weights_sha256:
        raise CheckpointError(
            folder,
            [
                f"{WEIGHTS_FILE} is not the file that {CONFIG_FILE} was written with: they come "
                "from two saves, or one was changed. A complete adapter may be in run/checkpoints."
            ],
        )
    model = _attach(record, backbone, backbone_config)
    family = None
    if record.layout == "transformers":
        family = family_of(model.shadow.backbone.model_config.get("model_type", ""))
    blocks = next(iter(blocks_in(header)))
    expected = adapter_tensors(model, blocks, family, table=False)
    passed_over = {table_key(model)} if shares_embeddings(model) else set()
    problems = _header_problems(header, expected, passed_over)
    if problems:
        raise CheckpointError(path, problems)
    tensors = _read(path, expected)
    problems = _value_problems(tensors, record.config, len(model.layers))
    if problems:
        raise CheckpointError(path, problems)
    assign(model, tensors, family)
    model.config = record.config
    return model


def _attach(
    record: AdapterRecord, backbone: nn.Module, backbone_config: Mapping[str, Any]
) -> AttachedModel:
    """A blank model of the recorded shape."""
    config = record.config
    if record.model_config is not None:
        return attach(
            backbone,
            backbone_config,
            config,
            shadow_model_config=record.model_config,
            own_table=record.own_table,
            projected=record.projected,
        )
    if config.shadow != "mirror":
        local = dataclasses.replace(config, shadow=str(hub.resolve_model(config.shadow)))
        return attach(backbone, backbone_config, local)
    decoder = find_decoder(backbone)
    return attach(
        backbone,
        backbone_config,
        config,
        shadow_model_config=peft_mirror_config(decoder, backbone_config, config),
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
    blocks = blocks_in(header)
    if len(blocks) != 1:
        raise CheckpointError(
            folder / WEIGHTS_FILE,
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
    if differences := made_for.differences(given):
        name = f" ({record.backbone_name})" if record.backbone_name else ""
        raise CheckpointError(folder, [f"belongs to another backbone{name}:", *differences])


def _header_problems(
    found: Mapping[str, TensorInfo], expected: Mapping[str, mx.array], passed_over: set[str]
) -> list[str]:
    """Missing, extra, misshapen and wrongly typed tensors, in the order of their names."""
    problems = []
    for name in sorted({*found, *expected}):
        info, value = found.get(name), expected.get(name)
        if value is None:
            if name not in passed_over:
                problems.append(f"{name}: expected no such tensor, found {_show(info)}")
        elif info is None:
            if name not in passed_over:
                problems.append(f"{name}: expected shape {list(value.shape)}, found no such tensor")
        elif info.shape != value.shape:
            problems.append(f"{name}: expected shape {list(value.shape)}, found {_show(info)}")
        elif info.dtype not in _FLOATS:
            problems.append(f"{name}: expected one of {', '.join(_FLOATS)}, found {_show(info)}")
    return problems


def _show(info: TensorInfo | None) -> str:
    assert info is not None
    return f"{info.dtype} {list(info.shape)}"


def _read(path: Path, names: Iterable[str]) -> dict[str, mx.array]:
    """The named tensors of a checked file that are there, in memory."""
    loaded = mx.load(str(path), format="safetensors")
    assert isinstance(loaded, dict)
    tensors = {name: loaded[name] for name in names if name in loaded}
    try:
        mx.eval(tensors)
    except RuntimeError as error:
        raise CheckpointError(path, [f"cannot be read: {error}"]) from error
    return tensors


def _value_problems(
    tensors: Mapping[str, mx.array], config: ShadowConfig, blocks: int
) -> list[str]:
    """Values that are not finite, and depth-shared copies that differ."""
    finite = {name: mx.isfinite(value).all() for name, value in tensors.items()}
    mx.eval(finite)
    problems = [
        f"{name}: expected finite numbers, found NaN or infinity"
        for name in sorted(tensors)
        if not finite[name].item()
    ]
    if config.sharing == "layer" or problems:
        return problems
    return [
        f"{copy}: expected the same values as block 0 (sharing: depth), found others"
        for name in sorted(tensors)
        for copy in copies_of(name, blocks)
        if not mx.array_equal(tensors[copy], tensors[name]).item()
    ]


def _lasting_name(name: str) -> str:
    """A name that means the same from every working directory."""
    path = Path(name).expanduser()
    local = name not in ("mirror", BUNDLED_MODEL) and path.is_dir()
    return str(path.resolve()) if local else name


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
