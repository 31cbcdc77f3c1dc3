"""What is loaded: one backbone, and the shadows that stand on it, each with its engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shadow_mlx import loading
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.errors import InputError
from shadow_mlx.generation.engine import Engine
from shadow_mlx.hub.resolving import resolve_model

MOST_SHADOWS = 4
"""Shadows that stay on a backbone. The next one begins anew: none can be taken off."""

_Files = frozenset[tuple[str, int, int]]


@dataclass(frozen=True)
class _Backbone:
    """A backbone in memory, and the engines on it by their adapters' folders (``""``: without)."""

    model: Any
    config: dict[str, Any]
    tokenizer: Any
    files: _Files
    trust_remote_code: bool
    engines: dict[str, tuple[_Files, Engine]] = field(default_factory=dict)


class Pool:
    """Loads what is asked for; what is there already, and unchanged on disk, is not read again.

    Two backbones at once may not fit into memory: the old one is let go before the next is read.
    """

    def __init__(self) -> None:
        self._backbone: _Backbone | None = None
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """Of what was loaded last. Who keeps it longer than a call keeps its model in memory.

        Raises:
            InputError: Nothing is loaded.
        """
        if self._engine is None:
            raise InputError("no model is loaded")
        return self._engine

    def clear(self) -> None:
        """Let everything go."""
        self._backbone = self._engine = None

    def load(
        self, model: str | None, adapter: str | None, *, trust_remote_code: bool = False
    ) -> None:
        """Have :attr:`engine` answer with a backbone, and with an adapter's shadow on it.

        When it fails nothing is loaded.

        Args:
            model: The backbone; by default the adapter's own.
            adapter: The adapter's folder, if any.
            trust_remote_code: Whether the model's own Python code may run.

        Raises:
            ShadowMLXError: See :func:`shadow_mlx.loading.load`.
        """
        held, self._engine = self._backbone, None
        self._backbone = None  # until all went well
        name = loading.backbone_name(model, adapter, trust_remote_code=trust_remote_code)
        folder = resolve_model(str(name), trust_remote_code=trust_remote_code)
        backbone_files = _files(folder.glob("*"))
        adapter_files = _files(Path(adapter).rglob("*.safetensors")) if adapter else frozenset()
        key = str(Path(adapter).resolve()) if adapter else ""
        if held is not None:
            same = (held.files, held.trust_remote_code) == (backbone_files, trust_remote_code)
            known = held.engines.get(key)
            fits = known[0] == adapter_files if known else len(held.engines) <= MOST_SHADOWS
            if not (same and fits):
                held = known = None  # before the next one is read
        if held is None:
            read, config, _ = loading.load_backbone(
                name, lazy=True, trust_remote_code=trust_remote_code
            )
            tokenizer = loading.load_tokenizer(folder, trust_remote_code=trust_remote_code)
            held = _Backbone(read, config, tokenizer, backbone_files, trust_remote_code)
        if key not in held.engines:
            loaded = (
                loading.attach_adapter(adapter, held.model, held.config, name)
                if adapter
                else loading.as_base(held.model, name)
            )
            engine = Engine(loaded, ChatFormat(held.tokenizer))
            held.engines[key] = (adapter_files, engine)
        for _, other in held.engines.values():
            if other is not held.engines[key][1]:
                other.forget()
        self._backbone, self._engine = held, held.engines[key][1]


def _files(paths: Iterable[Path]) -> _Files:
    """Files, and what tells whether they are still the same."""
    found = [(path, path.stat()) for path in paths if path.is_file()]
    return frozenset((str(path.resolve()), at.st_mtime_ns, at.st_size) for path, at in found)
