"""The options of what leaves this program: exported models, adapters of others, the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from shadow_mlx.config.data import ColumnConfig, TemplateConfig
from shadow_mlx.config.model import BackboneConfig
from shadow_mlx.config.option import Options, option

ExportFormat = Literal["model", "peft", "shadow-peft"]

BIT_WIDTHS = (2, 3, 4, 5, 6, 8)
"""Those that MLX quantizes to."""

GROUP_SIZES = (32, 64, 128)


@dataclass(frozen=True)
class ExportConfig(ColumnConfig, TemplateConfig, BackboneConfig):
    """The detached model, or the adapter, as a folder that needs no shadow-mlx."""

    adapter_path: str = option(
        "adapters", group="model", kind="path", metavar="DIR", help="adapter to export"
    )
    output: str = option(
        "exported", kind="path", metavar="DIR", help="folder to write; appears whole or not at all"
    )
    to: ExportFormat = option(
        "model",
        help="what is written: model, the detached model as mlx-lm and transformers load it; "
        "peft or shadow-peft, the adapter as that package opens it",
    )
    q_bits: int | None = option(
        None,
        group="quantization",
        minimum=BIT_WIDTHS[0],
        maximum=BIT_WIDTHS[-1],
        help="quantize the weights to so many bits (2, 3, 4, 5, 6, 8)",
    )
    q_group_size: int = option(
        64,
        group="quantization",
        minimum=GROUP_SIZES[0],
        maximum=GROUP_SIZES[-1],
        help="with --q-bits: weights that share a scale (32, 64, 128)",
    )
    dequantize: bool = option(
        False,
        group="quantization",
        help="write the table of a quantized backbone as plain numbers, for other programs than "
        "mlx-lm",
    )
    vocabulary: str | None = option(
        None,
        group="vocabulary",
        kind="path",
        metavar="FILE",
        help="keep only the tokens that this data needs (JSON Lines, as for train --data)",
    )
    comparison: str | None = option(
        None,
        group="card",
        kind="path",
        metavar="FILE.json",
        help="figures for the model card: what 'shadow-mlx compare --json' printed",
    )

    MODEL_ONLY = ("q_bits", "dequantize", "vocabulary", "comparison")

    @classmethod
    def idle(cls, values: Mapping[str, Any]) -> frozenset[str]:
        """What belongs to models alone, and what belongs to an option that is not given."""
        found = set(super().idle(values))
        if values.get("to", "model") != "model":
            found |= {*cls.MODEL_ONLY, *(f.name for f in fields(TemplateConfig))}
        if "q_bits" in found or not values.get("q_bits"):
            found |= {"q_group_size"}
        if "vocabulary" in found or not values.get("vocabulary"):  # it is read by these
            found |= {f.name for f in fields(ColumnConfig)}
        return frozenset(found)

    def cross_checks(self) -> list[str]:
        """What MLX can quantize to, and what belongs to models alone."""
        problems = super().cross_checks()
        if self.q_bits is not None and self.q_bits not in BIT_WIDTHS:
            problems.append(f"--q-bits: expected one of {_listed(BIT_WIDTHS)}, found {self.q_bits}")
        if self.q_group_size not in GROUP_SIZES:
            problems.append(
                f"--q-group-size: expected one of {_listed(GROUP_SIZES)}, found {self.q_group_size}"
            )
        if self.q_bits is not None and self.dequantize:
            problems.append("--q-bits and --dequantize contradict each other; leave one out")
        if self.to != "model":
            problems += [
                f"--{name.replace('_', '-')} changes a model; it does not go with --to {self.to}"
                for name in self.MODEL_ONLY
                if getattr(self, name)
            ]
        return problems


@dataclass(frozen=True)
class ImportConfig(BackboneConfig):
    """An adapter that another program wrote, as one of ours."""

    source: str | None = option(
        None, kind="path", metavar="DIR", help="folder of a PEFT or shadow-peft adapter"
    )
    adapter_path: str = option(
        "adapters", group="model", kind="path", metavar="DIR", help="where the adapter is written"
    )
    explicit_shadow: str | None = option(
        None,
        group="model",
        kind="path",
        metavar="PATH|HUB_ID",
        help="model of the shadow that a shadow-peft adapter has: its own files do not name it",
    )


@dataclass(frozen=True)
class PushConfig(Options):
    """A folder to the hub."""

    folder: str = option(
        "adapters", kind="path", metavar="DIR", help="adapter or exported model to upload"
    )
    repo: str | None = option(None, metavar="OWNER/NAME", help="repository; made if there is none")
    private: bool = option(False, help="make a new repository private")
    message: str = option("Upload with shadow-mlx", metavar="TEXT", help="of the commit")
    dry_run: bool = option(False, help="list what would be uploaded, and upload nothing")


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))
