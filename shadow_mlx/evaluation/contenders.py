"""Who takes part in a comparison, and under which name. Nothing here needs MLX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.config import Mode
from shadow_mlx.config.paths import home_expanded
from shadow_mlx.hub.resolving import adapter_backbone

ORDER: tuple[Mode, ...] = ("base", "attached", "detached")


@dataclass(frozen=True)
class Contender:
    """One mode of one adapter. ``name`` is unique in its comparison.

    ``adapter`` is the folder that it is loaded with; ``None`` for a backbone without one.
    """

    name: str
    mode: Mode
    adapter: str | None


def contenders(
    adapters: Sequence[str], modes: Sequence[Mode] = ORDER, model: str | None = None
) -> list[Contender]:
    """The modes of all adapters; those of one adapter stand together.

    A backbone that several adapters share takes part once. A folder that is named twice counts
    once. Without adapters there is only the base.

    Args:
        adapters: Adapter folders.
        modes: Which of base, attached and detached.
        model: The backbone of all of them, if it is not the one that each records.
    """
    folders = list({home_expanded(name).resolve(): name for name in adapters}.values())
    backbones = [model or adapter_backbone(name) or "unknown" for name in folders]
    short, short_backbones = short_names(folders), short_names(sorted(set(backbones)))
    found = [] if folders or "base" not in modes else [Contender("base", "base", None)]
    seen: set[str] = set()
    for adapter, backbone in zip(folders, backbones, strict=True):
        for mode in ORDER:
            if mode not in modes or (mode == "base" and backbone in seen):
                continue
            if mode == "base":
                suffix = f" {short_backbones[backbone]}" if len(short_backbones) > 1 else ""
                seen.add(backbone)
            else:
                suffix = f" {short[adapter]}" if len(folders) > 1 else ""
            found.append(Contender(mode + suffix, mode, adapter))
    return found


def short_names(folders: Sequence[str]) -> dict[str, str]:
    """Each folder by as many of its last parts as tell all of them apart."""
    parts = {folder: Path(folder).parts for folder in folders}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        tails = {folder: str(Path(*parts[folder][-length:])) for folder in folders}
        if len(set(tails.values())) == len(folders):
            return tails
    return {folder: folder for folder in folders}
