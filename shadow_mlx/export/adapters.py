"""Adapters as other programs open them, and adapters of other programs as ours."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from shadow_mlx import loading
from shadow_mlx.checkpoints.draft_tokens import read_draft_tokens, write_draft_tokens
from shadow_mlx.checkpoints.peft import adapter_record, load_adapter, save_adapter
from shadow_mlx.checkpoints.record import AdapterRecord
from shadow_mlx.checkpoints.shadow_peft import is_original, load_original
from shadow_mlx.config import ExportConfig, ImportConfig
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.files.writing import atomic_folder
from shadow_mlx.hub.resolving import resolve_model
from shadow_mlx.runs.belongings import check_free_of_others, holds_own
from shadow_mlx.runs.folder import ADAPTER_FILES, ORIGINAL_FILES, RunFolder
from shadow_mlx.shadow.attached import AttachedModel
from shadow_mlx.shadow.shadow_peft import Variant


def export_adapter(config: ExportConfig) -> Path:
    """Write the adapter alone, in the format that ``config.to`` names.

    Args:
        config: Which adapter, where to, and for which package.

    Raises:
        InputError: The folder holds something else, or the package cannot open this adapter; says
            why.
        SurroundingsError: The disk is full or otherwise refuses.
    """
    output, source = Path(config.output).resolve(), config.adapter_path
    _check_output(output)
    record = adapter_record(source)
    variant: Variant = "peft" if config.to == "peft" else "original"
    if variant == "peft" and not is_original(Path(source)) and record.not_for_peft:
        raise ConfigError(f"--to peft: PEFT cannot open this adapter: {record.not_for_peft}")
    name = loading.backbone_name(config.model, source, trust_remote_code=config.trust_remote_code)
    backbone, backbone_config, _ = loading.load_backbone(
        name, lazy=True, trust_remote_code=config.trust_remote_code
    )
    model = load_adapter(source, backbone, backbone_config)
    with atomic_folder(output) as folder:
        named = config.model or record.backbone_name or str(name)
        _save(folder, model, record, named, backbone_config, variant)
    return output


def import_adapter(config: ImportConfig) -> Path:
    """Read an adapter of PEFT or shadow-peft and write it as one of ours.

    Args:
        config: Which adapter, of which backbone, and where to.

    Raises:
        InputError: There is no such adapter, it does not fit its backbone, or the folder to write
            holds something else.
        SurroundingsError: The disk is full or otherwise refuses.
    """
    if config.source is None:
        raise InputError("--source: name the folder of a PEFT or shadow-peft adapter")
    source, target = Path(config.source), RunFolder(Path(config.adapter_path))
    record = adapter_record(source)  # an adapter that cannot be read fails first
    check_free_of_others(target)
    if target.has_adapter:
        raise InputError(
            f"--adapter-path {target.path}: holds an adapter already; choose another folder"
        )
    trusted = config.trust_remote_code
    name = loading.backbone_name(config.model, source, trust_remote_code=trusted)
    backbone, backbone_config, _ = loading.load_backbone(name, lazy=True, trust_remote_code=trusted)
    if config.explicit_shadow is None:
        model = load_adapter(source, backbone, backbone_config)
    elif is_original(source):
        shadow = resolve_model(config.explicit_shadow, flag="--explicit-shadow")
        model = load_original(source, backbone, backbone_config, str(shadow))
        model.config = dataclasses.replace(model.config, shadow=config.explicit_shadow)
    else:
        raise InputError(
            "--explicit-shadow: PEFT's adapters name their shadow themselves (shadow_model); only "
            "shadow-peft's do not"
        )
    named = config.model or record.backbone_name or str(name)
    _save(target.path, model, record, named, backbone_config, model.shadow.variant)
    rows = model.decoder.embedding.weight.shape[0]
    if (tokens := read_draft_tokens(source, rows)).ids:  # one of ours, that was copied
        write_draft_tokens(target.path, tokens, rows)
    return target.path


def _save(
    folder: Path,
    model: AttachedModel,
    record: AdapterRecord,
    backbone: str,
    backbone_config: dict[str, Any],
    variant: Variant,
) -> None:
    save_adapter(
        folder,
        model,
        backbone=backbone,
        backbone_config=backbone_config,
        training=record.training,
        template=record.template,
        variant=variant,
    )


def _check_output(folder: Path) -> None:
    """Refuse a folder with anything but an adapter of ours that was exported there."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--output {folder}: is a file, expected a folder")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    known = {*ADAPTER_FILES, *ORIGINAL_FILES}
    others = sorted(path.name for path in folder.iterdir() if path.name not in known)
    if others or not holds_own(RunFolder(folder)):
        listed = ", ".join(others[:5]) or "an adapter of another program"
        raise InputError(
            f"--output {folder}: holds {listed}; choose another folder, or move it away"
        )
