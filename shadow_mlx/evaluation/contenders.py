"""Who takes part in a comparison, and under which name. Nothing here needs MLX.

A contender is something that answers: a mode of one of our adapters, an adapter of mlx-lm on the
same backbone, a whole model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from shadow_mlx.config import Mode
from shadow_mlx.config.paths import home_expanded, local
from shadow_mlx.evaluation.rivals import Rival, RivalKind, rival_of
from shadow_mlx.hub.resolving import adapter_backbone, find_recorded

ORDER: tuple[Mode, ...] = ("base", "attached", "detached")

Kind = Mode | RivalKind
"""What answers: a mode of ours, or what a rival is made of."""

RIVAL_KINDS: tuple[str, ...] = tuple(
    kind for part in get_args(RivalKind) for kind in (get_args(part) or (part,))
)


@dataclass(frozen=True)
class Contender:
    """Something that answers. ``name`` is unique in its comparison.

    Attributes:
        name: What it is called.
        mode: Which of our modes it is, or what kind of rival.
        adapter: The adapter of ours whose backbone it stands on, and as which it is asked; ``None``
            for a backbone without one.
        model: Its backbone, where that is not the one that the adapter records.
        rival: What answers, where it is nothing of ours.
    """

    name: str
    mode: Kind
    adapter: str | None
    model: str | None = None
    rival: Rival | None = None

    @property
    def folder(self) -> str | None:
        """The adapter that is its own: our folder, or that of mlx-lm; ``None`` without one."""
        if self.rival is not None:
            return str(self.rival.adapter.folder) if self.rival.adapter else None
        return None if self.mode == "base" else self.adapter


def contenders(
    adapters: Sequence[str],
    modes: Sequence[Mode] = ORDER,
    model: str | None = None,
    rivals: Sequence[str] = (),
) -> list[Contender]:
    """The modes of all adapters, then the rivals; those that share weights stand together.

    A backbone that several adapters share takes part once, and its adapters follow each other. A
    folder that is named twice counts once. Without adapters there is only the base.

    Args:
        adapters: Adapter folders.
        modes: Which of base, attached and detached.
        model: The backbone of all of them, if it is not the one that each records.
        rivals: What else answers: folders of mlx-lm's adapters, or models.

    Raises:
        InputError: A rival cannot be used.
    """
    known = [rival_of(name) for name in _once(rivals)]
    folders = _by_backbone(_once(adapters), model)
    if not folders and model is None:
        model = next((found for one in known if (found := _recorded(one))), None)
    return [*_ours(folders, modes, model), *_theirs(known, list(folders), model)]


def _once(folders: Sequence[str]) -> list[str]:
    """Each of them once, by the last of its names."""
    return list({home_expanded(name).resolve(): name for name in folders}.values())


def _by_backbone(folders: Sequence[str], model: str | None) -> dict[str, str]:
    """Adapters with their backbones, those of one backbone together."""
    found = {name: model or adapter_backbone(name) or "unknown" for name in folders}
    order = list(found.values())
    return dict(sorted(found.items(), key=lambda pair: order.index(pair[1])))


def _ours(
    backbones: dict[str, str], modes: Sequence[Mode], model: str | None
) -> Iterator[Contender]:
    folders = list(backbones)
    short, short_backbones = short_names(folders), short_names(sorted(set(backbones.values())))
    if not folders and "base" in modes:
        yield Contender("base", "base", None, model)
    seen: set[str] = set()
    for adapter, backbone in backbones.items():
        for mode in ORDER:
            if mode not in modes or (mode == "base" and backbone in seen):
                continue
            if mode == "base":
                suffix = f" {short_backbones[backbone]}" if len(short_backbones) > 1 else ""
                seen.add(backbone)
            else:
                suffix = f" {short[adapter]}" if len(folders) > 1 else ""
            yield Contender(mode + suffix, mode, adapter, model)


def _theirs(
    rivals: Sequence[Rival], adapters: Sequence[str], model: str | None
) -> Iterator[Contender]:
    short = short_names([rival.name for rival in rivals])
    kinds = [rival.kind for rival in rivals]
    for rival in rivals:
        alone = rival.adapter is not None and kinds.count(rival.kind) == 1
        name = rival.kind if alone else f"{rival.kind} {short[rival.name]}"
        beside = _beside(rival, adapters)
        if rival.adapter is None:
            yield Contender(name, rival.kind, beside, rival.name, rival)
        elif beside is None and model is None:
            yield Contender(name, rival.kind, None, _recorded(rival), rival)
        else:
            yield Contender(name, rival.kind, beside, model, rival)


def _beside(rival: Rival, adapters: Sequence[str]) -> str | None:
    """The adapter on whose backbone a rival was trained, else the first."""
    trained_on = rival.adapter.model if rival.adapter else None
    same = (one for one in adapters if _same(trained_on, adapter_backbone(one)))
    return next(same, next(iter(adapters), None))


def _same(first: str | None, second: str | None) -> bool:
    """Whether two records name the same model, as far as names can tell."""
    if first is None or second is None or first == second:
        return first is not None and first == second
    one, other = local(first), local(second)
    return one is not None and other is not None and one.resolve() == other.resolve()


def _recorded(rival: Rival) -> str | None:
    """The model that a rival's adapter was trained on, where it is now."""
    if rival.adapter is None or rival.adapter.model is None:
        return None
    return find_recorded(rival.adapter.model, rival.adapter.folder)


def short_names(folders: Sequence[str]) -> dict[str, str]:
    """Each folder by as many of its last parts as tell all of them apart."""
    parts = {folder: Path(folder).parts for folder in folders}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        tails = {folder: str(Path(*parts[folder][-length:])) for folder in folders}
        if len(set(tails.values())) == len(folders):
            return tails
    return {folder: folder for folder in folders}
