"""The models that this machine has: bundled, in the hub's cache, in folders nearby; downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from shadow_mlx import bundled, hub
from shadow_mlx.worker import messages as m

NEARBY = (".", "models", "mlx_model")


def serve(request: m.Request) -> Iterator[m.Reply]:
    """Replies to ``ListModels`` and ``Download``."""
    if isinstance(request, m.ListModels):
        found = [*_bundled(), *_nearby(), *_cached()]
        unique = {model.path: model for model in reversed(found)}
        yield m.Models(request.id, [model for model in found if unique[model.path] is model])
    elif isinstance(request, m.Download):
        yield m.Progress(request.id, f"downloading {request.name}")
        yield m.Done(request.id, str(hub.resolve_model(request.name)))


def describe(name: str, where: str, folder: Path) -> m.ModelView | None:
    """What a folder's config.json says of it, or ``None`` where there is no model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or "model_type" not in config:
        return None
    kind = str(config["model_type"])
    weights = list(folder.glob("*.safetensors"))
    supported, reason = _supported(kind, bool(weights))
    size = sum(path.stat().st_size for path in weights)
    return m.ModelView(
        name, where, str(folder.resolve()), kind, _quantization(config), size, supported, reason
    )


def _bundled() -> Iterator[m.ModelView]:
    for name in bundled.bundled_models():
        if (view := describe(name, "bundled", bundled.bundled_model(name))) is not None:
            yield view


def _nearby() -> Iterator[m.ModelView]:
    for place in map(Path, NEARBY):
        if place.is_dir():
            for folder in sorted(path for path in place.iterdir() if path.is_dir()):
                if (view := describe(str(folder), "folder", folder)) is not None:
                    yield view


def _cached() -> Iterator[m.ModelView]:
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        cache = scan_cache_dir()
    except CacheNotFound:
        return
    for repo in sorted(cache.repos, key=lambda repo: repo.repo_id):
        if repo.repo_type != "model":
            continue
        newest = max(repo.revisions, key=lambda one: one.last_modified, default=None)
        if newest is None:
            continue
        if (view := describe(repo.repo_id, "hub cache", newest.snapshot_path)) is not None:
            yield view


def _quantization(config: dict[str, Any]) -> str:
    quantized = config.get("quantization")
    if isinstance(quantized, dict) and "bits" in quantized:
        return f"{quantized['bits']}-bit"
    kind = config.get("torch_dtype") or config.get("dtype")
    return str(kind).removeprefix("torch.") if kind else ""


def _supported(kind: str, has_weights: bool) -> tuple[bool, str]:
    if not has_weights:
        return False, "no weights in safetensors"
    from mlx_lm.utils import MODEL_REMAPPING

    if find_spec(f"mlx_lm.models.{MODEL_REMAPPING.get(kind, kind)}") is None:
        return False, f"mlx-lm does not know the architecture {kind}"
    return True, ""
