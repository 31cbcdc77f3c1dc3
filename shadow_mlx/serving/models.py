"""The models of a server: their names, and the weights behind them.

A name is an adapter's folder (``robot``: attached), with ``:detached`` or ``:base`` behind it for
the other modes; or the backbone's own, where no adapter is served. Names are all that a request
can say: it never reaches another folder.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx

from shadow_mlx import loading
from shadow_mlx.backbones.twin import twin
from shadow_mlx.checkpoints.template_record import template_of
from shadow_mlx.config import MODES, Mode, ServeConfig
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError
from shadow_mlx.generation.answers import AnswerReader
from shadow_mlx.generation.engine import modes_of
from shadow_mlx.hub.resolving import resolve_model
from shadow_mlx.runs.folder import RunFolder, holds_adapter
from shadow_mlx.serving.problems import RequestError


@dataclass(frozen=True)
class Served:
    """One name of ``/v1/models``.

    Attributes:
        name: What a request calls it.
        adapter: The adapter's folder, if any.
        mode: Which weights answer.
        form: The tokenizer with its chat template, as in the adapter's training.
        reader: Takes its answers apart.
    """

    name: str
    adapter: str | None
    mode: Mode
    form: ChatFormat = field(compare=False, repr=False)
    reader: AnswerReader = field(compare=False, repr=False)


class Catalogue:
    """The allow-list: every name that is served. Nothing of MLX is computed here.

    Args:
        config: Names the backbone and the adapters.

    Raises:
        InputError: A folder holds no adapter, or two stand on different backbones.
        ShadowMLXError: See :func:`shadow_mlx.loading.load_tokenizer`.
    """

    def __init__(self, config: ServeConfig) -> None:
        trusted = config.trust_remote_code
        for adapter in config.adapters:
            if not holds_adapter(adapter):
                raise InputError(
                    f"no adapter in {adapter}: train one first (shadow-mlx train --data FILE), "
                    "name its folder with --adapter-path, or serve a backbone alone with --model"
                )
        self.backbone, folder = _common_backbone(config)
        self.tokenizer = loading.load_tokenizer(folder, trust_remote_code=trusted)
        self._served: dict[str, Served] = {}
        bare = ChatFormat(self.tokenizer, config.template)
        if not config.adapters:
            name = Path(self.backbone).name
            self._served[name] = Served(name, None, "base", bare, AnswerReader(bare))
        for name, adapter in zip(names_of(config.adapters), config.adapters, strict=True):
            form = ChatFormat(self.tokenizer, template_of(adapter, config.template))
            reader = AnswerReader(form)
            for mode in MODES:
                full = name if mode == "attached" else f"{name}:{mode}"
                self._served[full] = Served(full, adapter, mode, form, reader)

    @property
    def names(self) -> list[str]:
        """All of them."""
        return list(self._served)

    def find(self, name: str) -> Served:
        """The model of a name.

        Raises:
            RequestError: There is none.
        """
        if name not in self._served:
            raise RequestError(
                f"model: there is no {name[:100]!r} here; there are: {', '.join(self.names)}",
                404,
                param="model",
                code="model_not_found",
            )
        return self._served[name]


def names_of(adapters: Sequence[str]) -> list[str]:
    """A name for each folder: its own, with as many of those around it as tell them apart.

    Raises:
        InputError: A folder stands there twice.
    """
    paths = [Path(adapter).resolve() for adapter in adapters]
    if len(set(paths)) < len(paths):
        twice = next(path for path in paths if paths.count(path) > 1)
        raise InputError(f"--adapter-path: {twice} is named twice")
    names = []
    for path in paths:
        own = [part for part in path.parts if part != path.anchor]
        others = [other.parts for other in paths if other != path]
        count = next(
            n
            for n in range(1, len(own) + 1)
            if n == len(own) or not any(list(parts[-n:]) == own[-n:] for parts in others)
        )
        names.append("/".join(own[-count:]))
    return names


def _common_backbone(config: ServeConfig) -> tuple[str, Path]:
    """The name of the one backbone of all adapters, and its folder."""
    trusted = config.trust_remote_code
    found: list[tuple[str, Path, str]] = []
    for adapter in config.adapters or (None,):
        name = str(loading.backbone_name(config.model, adapter, trust_remote_code=trusted))
        folder = resolve_model(name, trust_remote_code=trusted)
        found.append((name, folder, adapter or ""))
    name, folder, first = found[0]
    for other_name, other_folder, adapter in found[1:]:
        if other_folder.resolve() != folder.resolve():
            raise InputError(
                f"--adapter-path: {first} stands on {name} and {adapter} on {other_name}: one "
                "server has one backbone; start another one, on another --port"
            )
    return name, folder


@dataclass(frozen=True)
class Key:
    """Which weights: of which adapter (``""``: the backbone's), in which mode, as of when."""

    adapter: str
    mode: Mode
    changed: float = 0.0


class Weights:
    """What is in memory: the backbone, and the shadows that were asked for last.

    For the one thread that computes. Each shadow stands on a twin of the backbone, which costs no
    array, so that it can be let go.

    Args:
        config: Says how many shadows stay.
        backbone: The backbone's name.
    """

    def __init__(self, config: ServeConfig, backbone: str) -> None:
        self._most = config.max_adapters
        self._backbone = backbone
        base, self._config, _ = loading.load_backbone(
            backbone, lazy=True, trust_remote_code=config.trust_remote_code
        )
        self._base = loading.as_base(base, backbone)
        self._shadows: OrderedDict[str, tuple[float, dict[Mode, Any]]] = OrderedDict()

    @property
    def base(self) -> Any:
        """The backbone."""
        return self._base

    @property
    def loaded(self) -> list[str]:
        """The adapters that are in memory, the one that was asked for last at the end."""
        return list(self._shadows)

    def key(self, served: Served) -> Key:
        """What tells these weights from others, and from their own before a new training."""
        if served.mode == "base" or served.adapter is None:
            return Key("", "base")
        return Key(served.adapter, served.mode, RunFolder(Path(served.adapter)).adapter_changed)

    def model(self, key: Key, busy: Collection[str]) -> Any | None:
        """The model of a key, read from disk where it is not there.

        Args:
            key: Of :meth:`key`.
            busy: Adapters that answer right now, and must stay.

        Returns:
            The model, or None where all places are taken by adapters that are busy.

        Raises:
            ShadowMLXError: See :func:`shadow_mlx.loading.attach_adapter`.
        """
        if key.mode == "base":
            return self._base
        held = self._shadows.get(key.adapter)
        if held is not None and held[0] != key.changed:
            if key.adapter in busy:
                return None
            del self._shadows[key.adapter]
            held = None
        if held is None:
            if not self._make_room(busy):
                return None
            attached = loading.attach_adapter(
                key.adapter, twin(self._base), self._config, self._backbone
            )
            held = (key.changed, modes_of(attached))
            self._shadows[key.adapter] = held
        self._shadows.move_to_end(key.adapter)
        return held[1][key.mode]

    def _make_room(self, busy: Collection[str]) -> bool:
        while len(self._shadows) >= self._most:
            oldest = next((adapter for adapter in self._shadows if adapter not in busy), None)
            if oldest is None:
                return False
            del self._shadows[oldest]
            mx.clear_cache()
        return True
