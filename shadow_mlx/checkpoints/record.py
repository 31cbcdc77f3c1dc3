"""``adapter_config.json``: PEFT's SHADOW fields, and what PEFT does not know under one key.

A folder that PEFT wrote has the fields alone; it is read as ``sharing: layer``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shadow_mlx.backbones.configuration import config_problems
from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.checkpoints.pair import Pair
from shadow_mlx.config import ShadowConfig
from shadow_mlx.errors import CheckpointError, ConfigError
from shadow_mlx.files.json_files import kind_of
from shadow_mlx.shadow.network import embedding_width
from shadow_mlx.shadow.shadow_peft import Variant

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
PEFT_FILES = Pair(CONFIG_FILE, WEIGHTS_FILE)
OURS = "shadow_mlx"
FORMAT = 1
PEFT_VERSION = "0.21.2"  # the version that the written fields are those of

Layout = Literal["transformers", "mlx-lm"]

# PEFT's name of each of our options.
_FIELDS = {
    "rank": "r",
    "alpha": "shadow_alpha",
    "dropout": "shadow_dropout",
    "update_hidden_size": "update_hidden_size",
    "shadow": "shadow_model",
    "shadow_layers": "shadow_num_hidden_layers",
    "shadow_hidden_size": "shadow_hidden_size",
    "shadow_intermediate_size": "shadow_intermediate_size",
    "shadow_heads": "shadow_num_attention_heads",
    "aux_weight": "auxiliary_loss_weight",
}
_MUST_BE_EMPTY = {
    "modules_to_save": "it carries trained modules of the backbone itself",
    "exclude_modules": "it leaves decoder blocks out",
    "layers_to_transform": "it leaves decoder blocks out",
}
_HARMLESS = {
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "init_weights",
    "layers_pattern",
    "peft_type",
    "peft_version",
    "revision",
    "share_embeddings",
    "target_modules",
    "task_type",
}


@dataclass(frozen=True)
class BackboneIdentity:
    """Which backbone an adapter belongs to. ``vocab_size`` is ``None`` where it is not known."""

    model_type: str | None
    hidden_size: int
    layers: int
    vocab_size: int | None

    def differences(self, other: BackboneIdentity) -> list[str]:
        """One line for each property in which ``other``, the backbone given, differs."""
        return [
            f"backbone's {field.name}: expected {mine}, found {theirs}"
            for field in dataclasses.fields(self)
            if (mine := getattr(self, field.name)) is not None
            and (theirs := getattr(other, field.name)) != mine
        ]


def identity_of(decoder: Decoder, backbone_config: Mapping[str, Any]) -> BackboneIdentity:
    """The identity of a loaded backbone."""
    return BackboneIdentity(
        model_type=backbone_config.get("model_type"),
        hidden_size=embedding_width(decoder),
        layers=len(decoder.blocks),
        vocab_size=int(decoder.embedding.weight.shape[0]),
    )


@dataclass(frozen=True)
class AdapterRecord:
    """Everything that an adapter's configuration says.

    Attributes:
        config: The options of the shadow.
        backbone_name: Folder or hub id of the backbone.
        backbone: What a backbone must be for this adapter; ``None`` in a folder that PEFT wrote.
        model_config: mlx-lm configuration of the shadow's network; ``None`` as above.
        own_table: Whether a mirror has token embeddings of its own, as PEFT gives one whose width
            differs, instead of the backbone's.
        projected: Whether an explicit shadow brought its projection.
        layout: Whose names the shadow backbone's tensors have.
        not_for_peft: Why PEFT cannot open this adapter; ``None`` when it can.
        training: Summary of the run that made it.
        template: How the chat template was used in training, the options that are not defaults.
        weights_sha256: Digest of the weights' file.
    """

    config: ShadowConfig
    backbone_name: str | None = None
    backbone: BackboneIdentity | None = None
    model_config: dict[str, Any] | None = None
    own_table: bool = False
    projected: bool = False
    layout: Layout = "transformers"
    not_for_peft: str | None = None
    training: dict[str, Any] | None = None
    template: dict[str, Any] | None = None
    weights_sha256: str | None = None

    @property
    def is_alone(self) -> bool:
        """Whether the shadow was trained by itself, so that nothing is injected yet."""
        return (self.training or {}).get("objective") == "pretrain"

    def to_json(self, blocks: str) -> dict[str, Any]:
        """The file's content. ``blocks`` is the path of the blocks in transformers' model."""
        assert self.backbone is not None
        options = self.config.to_mapping()
        if self.config.shadow != "mirror" or self.config.layers == 1:
            options["shadow_layers"] = None  # what PEFT itself writes for both
        else:
            options["shadow_layers"] = self.config.layers
        narrower = self.config.shadow_hidden_size not in (None, self.backbone.hidden_size)
        return {
            **dict.fromkeys(_MUST_BE_EMPTY),
            **{theirs: options[ours] for ours, theirs in _FIELDS.items()},
            "auto_mapping": None,
            "base_model_name_or_path": self.backbone_name,
            "inference_mode": True,
            "init_weights": True,
            "layers_pattern": None,
            "peft_type": "SHADOW",
            "peft_version": PEFT_VERSION,
            "revision": None,
            "share_embeddings": narrower or not self.own_table,
            "target_modules": [f"{blocks}.{index}" for index in range(self.backbone.layers)],
            "task_type": "CAUSAL_LM",
            OURS: self.own_part("peft"),
        }

    def own_part(self, variant: Variant) -> dict[str, Any]:
        """What the format itself has no field for."""
        assert self.backbone is not None
        return {
            "format": FORMAT,
            "variant": variant,
            "sharing": self.config.sharing,
            "shadow_kv_heads": self.config.shadow_kv_heads,
            "shadow_head_dim": self.config.shadow_head_dim,
            "model_config": self.model_config,
            "own_table": self.own_table,
            "projected": self.projected,
            "layout": self.layout,
            "not_for_peft": self.not_for_peft,
            "backbone": dataclasses.asdict(self.backbone),
            "training": self.training,
            "template": self.template,
            "weights_sha256": self.weights_sha256,
        }

    def with_own_part(self, where: Path, ours: Mapping[str, Any]) -> AdapterRecord:
        """This record, completed by :meth:`own_part` as it was read.

        Raises:
            CheckpointError: Something is missing or of a wrong type; all of it together.
        """
        problems = [
            f"{OURS}: incomplete or damaged: {name}: expected {expected}, found "
            + (kind_of(ours[name]) if name in ours else "nothing")
            for name, (fits, expected) in _OWN_FIELDS.items()
            if name not in ours or not fits(ours[name])
        ]
        if isinstance(model_config := ours.get("model_config"), dict):
            found = config_problems(model_config)
            problems += [f"{OURS}.model_config.{problem}" for problem in found]
        if problems:
            raise CheckpointError(where, problems)
        made_for = ours["backbone"]
        return dataclasses.replace(
            self,
            backbone=BackboneIdentity(**{name: made_for[name] for name in _IDENTITY}),
            **{name: ours[name] for name in _OWN_FIELDS if name != "backbone"},
            template=ours.get("template"),  # adapters of before have none
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_IDENTITY: dict[str, Callable[[Any], bool]] = {
    "model_type": lambda value: value is None or _is_text(value),
    "hidden_size": _is_whole,
    "layers": _is_whole,
    "vocab_size": lambda value: value is None or _is_whole(value),
}


def _is_identity(value: Any) -> bool:
    return isinstance(value, dict) and all(
        name in value and fits(value[name]) for name, fits in _IDENTITY.items()
    )


# What stands under our key, with what it must be.
_OWN_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "backbone": (_is_identity, f"an object with {', '.join(_IDENTITY)}"),
    "model_config": (lambda v: isinstance(v, dict), "a configuration of the shadow's network"),
    "own_table": (lambda v: isinstance(v, bool), "true or false"),
    "projected": (lambda v: isinstance(v, bool), "true or false"),
    "layout": (lambda v: v in ("transformers", "mlx-lm"), "transformers or mlx-lm"),
    "not_for_peft": (lambda v: v is None or _is_text(v), "a reason or null"),
    "training": (lambda v: v is None or isinstance(v, dict), "an object or null"),
    "weights_sha256": (lambda v: v is None or _is_text(v), "a digest or null"),
}


def read_record(folder: Path) -> AdapterRecord:
    """The configuration of the adapter in ``folder``, ours or PEFT's.

    Raises:
        CheckpointError: There is none, it is of another kind or of a future version, or a field
            has a wrong value; all wrong fields together.
    """
    values = PEFT_FILES.read_config(folder)
    where = folder / CONFIG_FILE
    problems = _refusals(values)
    ours = own_part_of(values, where)
    options: dict[str, Any] = {
        option: values[theirs] for option, theirs in _FIELDS.items() if theirs in values
    }
    if options.get("shadow_layers", ...) is None:  # an explicit shadow, or a mirror of one layer
        del options["shadow_layers"]
        if options.get("shadow", "mirror") == "mirror":
            options["shadow_layers"] = 1
    name, shares = values.get("base_model_name_or_path"), values.get("share_embeddings", True)
    if not (name is None or isinstance(name, str)):
        problems.append(f"base_model_name_or_path: expected a name, found {kind_of(name)}")
    if not isinstance(shares, bool):
        problems.append(f"share_embeddings: expected true or false, found {kind_of(shares)}")
    options["sharing"] = ours.get("sharing", "layer")
    options |= {key: ours.get(key) for key in ("shadow_kv_heads", "shadow_head_dim")}
    try:
        config = ShadowConfig.from_mapping(options, where="as our option")
    except ConfigError as error:
        problems += str(error).splitlines()
    if problems:
        raise CheckpointError(where, problems)
    if not ours:
        return AdapterRecord(config, name or None, own_table=not shares)
    return AdapterRecord(config, name or None).with_own_part(where, ours)


def own_part_of(values: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """What stands under our key; empty in a folder that another program wrote.

    Raises:
        CheckpointError: It is of a future version, or damaged.
    """
    ours = values.get(OURS, {})
    if not isinstance(ours, dict):
        raise CheckpointError(where, [f"{OURS}: expected an object, found {kind_of(ours)}"])
    if OURS in values and ours.get("format") is not FORMAT:
        raise CheckpointError(where, [_foreign_format(ours.get("format"))])
    return ours


def _refusals(values: Mapping[str, Any]) -> list[str]:
    """Why this is no adapter that the method here can compute."""
    if "fine_tune_type" in values:
        tuned = kind_of(values["fine_tune_type"]).strip('"')
        return [f"a {tuned} adapter of mlx-lm, not a shadow: use it with mlx_lm"]
    kind = values.get("peft_type")
    if kind != "SHADOW":
        return [f'peft_type: expected "SHADOW", found {kind_of(kind)}']
    problems = []
    if values.get("task_type") != "CAUSAL_LM":
        task = kind_of(values.get("task_type"))
        problems.append(f'task_type: expected "CAUSAL_LM", found {task}')
    problems += [
        f"{name}: expected null, found {kind_of(values[name])}: {reason}, which is not supported"
        for name, reason in _MUST_BE_EMPTY.items()
        if values.get(name)
    ]
    known = {*_FIELDS.values(), *_MUST_BE_EMPTY, *_HARMLESS, OURS}
    problems += [
        f"{name}: an option of a newer PEFT, unknown here; found {kind_of(value)}"
        for name, value in values.items()
        if name not in known and value
    ]
    return problems


def _foreign_format(found: Any) -> str:
    if isinstance(found, int) and FORMAT < found < 1000:
        return (
            f"written by a newer shadow-mlx: format {found}, and this version reads {FORMAT}; "
            "upgrade shadow-mlx"
        )
    return f"{OURS}.format: expected {FORMAT}, found {kind_of(found)}"
