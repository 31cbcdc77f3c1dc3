"""Contenders in memory: one backbone at a time, and what is put on it, one after the other.

Each adapter is put on a twin of the backbone (:mod:`shadow_mlx.backbones.twin`), so that the
backbone is read once, however many stand on it, and none meets another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx

from shadow_mlx import loading
from shadow_mlx.backbones.folder import check_tensors
from shadow_mlx.backbones.positions import PositionLimit
from shadow_mlx.backbones.sharding import split
from shadow_mlx.backbones.twin import twin
from shadow_mlx.checkpoints.mlx_lm_adapter import count_parameters, put_on
from shadow_mlx.config.paths import local
from shadow_mlx.errors import InputError
from shadow_mlx.evaluation.contenders import Contender, Kind
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.hub.resolving import resolve_model
from shadow_mlx.parallel.team import Team, alone
from shadow_mlx.shadow.reach import positions_of


@dataclass(frozen=True)
class Loaded:
    """What answers, by mode: models that share their weights.

    Attributes:
        models: Anything with mlx-lm's call surface.
        tokenizer: As mlx-lm loads it.
        model: The folder of the backbone, or of the whole model.
        trained: Parameters that a rival's training has changed.
        added: Those of them that the backbone does not have.
        elsewhere: Parameters of the backbone that other processes have.
        notes: What a person should know.
    """

    models: Mapping[Kind, Any]
    tokenizer: Any
    model: str
    trained: int = 0
    added: int = 0
    elsewhere: int = 0
    notes: list[str] = field(default_factory=list)

    def limit(self, mode: Kind) -> PositionLimit | None:
        """The positions of one of the models."""
        return positions_of(self.models[mode])


@dataclass(frozen=True)
class _Backbone:
    model: Any
    config: dict[str, Any]
    tokenizer: Any
    folder: Path
    elsewhere: int


class Stage:
    """Loads contenders; the backbone that is there already is not read again.

    Args:
        trust_remote_code: Whether a model's own Python code may run.
        team: The processes over which backbones are split, if they are.
    """

    def __init__(self, *, trust_remote_code: bool = False, team: Team | None = None) -> None:
        self._team = team or alone()
        self._trust = trust_remote_code
        self._held: _Backbone | None = None

    def check(self, one: Contender) -> None:
        """Find out now what would be found out when the others are measured already.

        An adapter of mlx-lm is put on its backbone, as that alone tells whether it fits; of the
        others, what can be told without their weights is.

        Raises:
            ShadowMLXError: See :func:`shadow_mlx.loading.load`.
        """
        if one.rival is not None and one.rival.adapter is not None:
            self.load(one)
            return
        name, flag = self._backbone_of(one)
        check_tensors(resolve_model(name, flag=flag, trust_remote_code=self._trust), name)

    def load(self, one: Contender) -> Loaded:
        """A contender, and those that share its weights.

        Raises:
            ShadowMLXError: See :func:`shadow_mlx.loading.load`.
        """
        mx.clear_cache()  # what the last one took
        name, flag = self._backbone_of(one)
        held = self._backbone(name, flag)
        base = twin(held.model)
        adapter = one.rival.adapter if one.rival else None
        if adapter is not None and self._team.splits:
            raise InputError(
                f"--rival {adapter.folder}: an adapter of mlx-lm cannot stand on a split backbone; "
                "leave it or --parallel tensor out"
            )
        if adapter is not None:
            models: dict[Kind, Any] = {adapter.kind: put_on(adapter, base)}
            trained = count_parameters(adapter)
            notes = _other_model(one.name, adapter.model, held.folder)
            added = 0 if adapter.kind == "full" else trained
            return Loaded(models, held.tokenizer, str(held.folder), trained, added, notes=notes)
        if one.rival is not None:
            models = {"model": loading.as_base(base, name)}
        elif one.adapter is not None:
            attached = loading.attach_adapter(one.adapter, base, held.config, name)
            models = {**dict[Kind, Any](modes_of(attached).items()), "base": held.model}
        else:
            models = {"base": loading.as_base(base, name)}
        return Loaded(
            models,
            held.tokenizer,
            str(held.folder),
            elsewhere=held.elsewhere,
            notes=_of_the_first(self._team),
        )

    def _backbone_of(self, one: Contender) -> tuple[str, str]:
        """The name of a contender's backbone, and the flag that names it."""
        whole = one.rival is not None and one.rival.adapter is None
        adapter = None if whole else one.adapter
        name = loading.backbone_name(one.model, adapter, trust_remote_code=self._trust)
        return str(name), "--rival" if whole else "--model"

    def _backbone(self, name: str, flag: str) -> _Backbone:
        folder = resolve_model(name, flag=flag, trust_remote_code=self._trust)
        if self._held is not None and self._held.folder == folder:
            return self._held
        self._held = None  # two at once may not fit into memory
        mx.clear_cache()
        model, config, folder = loading.load_backbone(
            name, lazy=True, trust_remote_code=self._trust
        )
        tokenizer = loading.load_tokenizer(folder, trust_remote_code=self._trust)
        team = self._team
        elsewhere = split(model, team.group, name) if team.splits else 0
        self._held = _Backbone(model, config, tokenizer, folder, elsewhere)
        return self._held


def _of_the_first(team: Team) -> list[str]:
    if not team.splits:
        return []
    return [f"the backbone is split over {team.size} machines; memory is that of the first one"]


def _other_model(name: str, recorded: str | None, folder: Path) -> list[str]:
    """A remark where an adapter was trained on another model, as far as this machine can tell."""
    trained_on = local(recorded) if recorded else None
    if trained_on is None or trained_on.resolve() == folder.resolve():
        return []
    return [f"{name}: records that it was trained on {recorded}, and stands on {folder} here"]
