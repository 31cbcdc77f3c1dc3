"""Which files of a folder go to the hub: an adapter's, or an exported model's, and no others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.checkpoints.peft import adapter_record
from shadow_mlx.config import PushConfig
from shadow_mlx.errors import InputError
from shadow_mlx.export.folder import is_export, is_exported_name
from shadow_mlx.hub.uploading import Sent, check_repository, upload
from shadow_mlx.runs.folder import ADAPTER_FILES, ORIGINAL_FILES, RunFolder


@dataclass(frozen=True)
class Publication:
    """What is, or would be, uploaded.

    Attributes:
        repo: The repository.
        kind: ``"adapter"`` or ``"model"``.
        files: Names and bytes.
        notes: What a person should know before strangers see it.
        address: Where it lies now; ``None`` for a dry run.
    """

    repo: str
    kind: str
    files: dict[str, int]
    notes: tuple[str, ...]
    address: str | None = None


def publish(
    config: PushConfig, *, on_sent: Callable[[Sent], None] = lambda sent: None
) -> Publication:
    """Upload the folder, or with ``config.dry_run`` say only what would be.

    Args:
        config: What is uploaded, and where to.
        on_sent: Told how far the upload is.

    Raises:
        InputError: The folder holds neither an adapter nor an exported model, or the repository's
            name is none.
        HubError: The hub cannot be reached, or refuses.
    """
    if config.repo is None:
        raise InputError("--repo: name the repository, as in somebody/robot")
    check_repository(config.repo)
    folder = Path(config.folder)
    kind, names = _chosen(folder)
    files = {name: (folder / name).stat().st_size for name in names}
    found = Publication(config.repo, kind, files, tuple(_notes(folder, kind)))
    if config.dry_run:
        return found
    address = upload(
        folder,
        names,
        config.repo,
        private=config.private,
        message=config.message,
        on_sent=on_sent,
    )
    return Publication(found.repo, kind, files, found.notes, address)


def _chosen(folder: Path) -> tuple[str, list[str]]:
    """What the folder holds, and the names of what belongs to it."""
    if not folder.is_dir():
        raise InputError(f"--folder {folder}: no such folder")
    there = sorted(path.name for path in folder.iterdir() if path.is_file())
    if RunFolder(folder).has_adapter:
        adapter_record(folder)  # one that cannot be read is not published
        known = {*ADAPTER_FILES, *ORIGINAL_FILES}
        return "adapter", [name for name in there if name in known]
    if is_export(folder):
        return "model", [name for name in there if is_exported_name(name)]
    raise InputError(
        f"--folder {folder}: holds neither an adapter nor a model that shadow-mlx export wrote"
    )


def _notes(folder: Path, kind: str) -> list[str]:
    if not (folder / "README.md").is_file():
        return ["there is no README.md: the repository will have no model card"]
    if kind == "model":
        return []
    record = adapter_record(folder)
    paths = {record.backbone_name, record.config.shadow}
    return [
        f"its configuration names the folder {path} of this machine: others can neither find nor "
        "should perhaps see it; shadow-mlx export --to peft --model HUB_ID writes the adapter with "
        "the backbone's name on the hub"
        for path in sorted(one for one in paths if one and Path(one).is_absolute())
    ]
