"""What the local hub cache holds already, told without asking the hub.

A repository lists more than a loader reads, and a cache may hold one part of it: a snapshot is
used when what is needed is there, whatever else is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.backbones.folder import has_all_weights, has_tokenizer, is_model

SETTINGS = (
    "config.json", "generation_config.json", "model.safetensors.index.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "tokenizer.model", "tiktoken.model", "vocab.json", "vocab.txt", "merges.txt",
    "chat_template.jinja", "chat_template.json",
)  # fmt: skip
"""Files beside the weights that a loader reads where a repository has them."""


@dataclass(frozen=True)
class Wanted:
    """Which files of a repository are wanted.

    Attributes:
        patterns: What is downloaded, with wildcards.
        needed: What must not be left out if the repository has it.
        suffices: Whether a folder holds what cannot be done without.
        in_part: Whether a folder that suffices is used although it lacks some that are needed,
            when the hub cannot give them.
        tokenizer: Whether a tokenizer is looked for where the repository's files are not known.
    """

    patterns: Sequence[str]
    needed: Sequence[str]
    suffices: Callable[[Path], bool]
    in_part: bool = True
    tokenizer: bool = False


# As mlx-lm: no Python code, no duplicates of the weights in other formats.
TOKENIZER_PATTERNS = (
    "*.json", "*.jsonl", "*.txt", "*.jinja", "*.tiktoken", "tokenizer.model", "tiktoken.model",
)  # fmt: skip
MODEL = Wanted(
    (*TOKENIZER_PATTERNS, "model*.safetensors"), SETTINGS, has_all_weights, tokenizer=True
)
TOKENIZER = Wanted(TOKENIZER_PATTERNS, SETTINGS, has_tokenizer)
CONFIG = Wanted(("config.json",), ("config.json",), is_model)
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_FILES = (ADAPTER_CONFIG, "adapter_model.safetensors")
EITHER_CONFIG = Wanted(
    ("config.json", ADAPTER_CONFIG),
    ("config.json", ADAPTER_CONFIG),
    lambda folder: is_model(folder) or (folder / ADAPTER_CONFIG).is_file(),
)
ADAPTER = Wanted(
    ADAPTER_FILES,
    ADAPTER_FILES,
    lambda folder: all((folder / name).is_file() for name in ADAPTER_FILES),
)


def whole_snapshot(name: str, kind: str, wanted: Wanted) -> Path | None:
    """The current snapshot, if it is known to lack nothing that is needed.

    Args:
        name: The id on the hub.
        kind: ``"model"`` or ``"dataset"``.
        wanted: Which files.
    """
    folder, complete = _current(name, kind, wanted.needed)
    if folder is None or not complete or not wanted.suffices(folder):
        return None
    known = (folder.parent.parent / "trees" / f"{folder.name}.json").is_file()
    return folder if known or not wanted.tokenizer or has_tokenizer(folder) else None


def usable_snapshot(name: str, kind: str, wanted: Wanted) -> Path | None:
    """A snapshot with all that cannot be done without: the current one, or else the newest."""
    if not wanted.in_part:
        return None
    current, _ = _current(name, kind, wanted.needed)
    if current is not None and wanted.suffices(current):
        return current
    others = [folder for folder in _snapshots(name, kind) if wanted.suffices(folder)]
    return max(others, key=lambda folder: folder.stat().st_mtime, default=None)


def _current(name: str, kind: str, needed: Sequence[str]) -> tuple[Path | None, bool]:
    """The main revision's snapshot, and whether it has all of ``needed`` that are known of."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import IncompleteSnapshotError

    try:
        found = snapshot_download(
            name, repo_type=kind, local_files_only=True, allow_patterns=list(needed)
        )
    except IncompleteSnapshotError as error:
        return Path(error.snapshot_path), False
    except (OSError, ValueError):  # there is none, or its record of revisions is damaged
        return None, False
    return Path(found), True


def _snapshots(name: str, kind: str) -> list[Path]:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type=kind)
    try:
        return [path for path in (folder / "snapshots").iterdir() if path.is_dir()]
    except OSError:
        return []
