"""The models that this machine has: bundled, in the hub's cache, in folders nearby; downloads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shadow_mlx import words
from shadow_mlx.backbones import bundled
from shadow_mlx.backbones.folder import has_all_weights
from shadow_mlx.hub import resolving, searching
from shadow_mlx.hub.removing import remove_model
from shadow_mlx.hub.room import cached, models_of, room
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m

if TYPE_CHECKING:
    from huggingface_hub import CachedRepoInfo

NEARBY = (".", "models", "mlx_model")


def serve(
    request: m.Request, send: Callable[[m.Reply], None], stop: StopToken
) -> Iterator[m.Reply]:
    """Replies to requests about models; the progress of a download goes to ``send``."""
    if isinstance(request, m.ListModels):
        fetched = models_of(cached())
        found = [*_bundled(), *_nearby(), *_cached(fetched)]
        unique = {model.path: model for model in reversed(found)}
        here = [model for model in found if unique[model.path] is model]
        yield m.Models(request.id, here, *room(fetched))
    elif isinstance(request, m.SearchHub):
        yield m.Models(request.id, [_offered(one) for one in searching.search(request.words)])
    elif isinstance(request, m.RemoveModel):
        yield m.Done(request.id, words.size(remove_model(request.name)))
    elif isinstance(request, m.Download):

        def on_bytes(name: str, done: int, total: int) -> None:
            send(m.Progress(request.id, f"downloading {name}", done, total))

        with resolving.watching_downloads(on_bytes):
            folder = resolving.resolve_model(request.name)
        yield m.Done(request.id, str(folder))


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
    supported, reason = _supported(kind, bool(weights), has_all_weights(folder))
    size = sum(path.stat().st_size for path in weights)
    return m.ModelView(
        name, where, str(folder.resolve()), kind, _quantization(config), size, supported, reason
    )


def _offered(one: searching.Offer) -> m.ModelView:
    """A model of the hub, as far as is known before it is fetched."""
    supported, reason = True, "needs a login on the hub (hf auth login)" if one.gated else ""
    if one.architecture and not _in_mlx_lm(one.architecture):
        supported, reason = False, f"mlx-lm does not know the architecture {one.architecture}"
    elif not one.size_bytes:
        supported, reason = False, "the hub lists no weights in safetensors"
    return m.ModelView(
        one.name,
        "hub",
        one.name,
        one.architecture,
        one.quantization,
        one.size_bytes,
        supported,
        reason,
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


def _cached(fetched: Sequence[CachedRepoInfo]) -> Iterator[m.ModelView]:
    for repo in fetched:
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


def _supported(kind: str, has_weights: bool, complete: bool) -> tuple[bool, str]:
    if not complete:
        some = "some of its weights are" if has_weights else "its weights (in safetensors) are"
        return False, f"{some} not here; a model of the hub is downloaded with d"
    if not _in_mlx_lm(kind):
        return False, f"mlx-lm does not know the architecture {kind}"
    return True, ""


def _in_mlx_lm(kind: str) -> bool:
    """Looks at the package's files first: importing it would bring MLX into a list of names."""
    package = find_spec("mlx_lm")
    assert package is not None
    folders = [Path(place) / "models" for place in package.submodule_search_locations or []]
    if any((folder / f"{kind}.py").is_file() for folder in folders):
        return True
    from mlx_lm.utils import MODEL_REMAPPING

    return any((folder / f"{MODEL_REMAPPING.get(kind)}.py").is_file() for folder in folders)
