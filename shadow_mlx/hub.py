"""Names of models and datasets to folders on this machine; the only network client.

A model's name is a local folder, a hub id (``mlx-community/Qwen3-0.6B-4bit``) or a bundled model
(``sprout``). What the local hub cache already holds completely is used without asking the hub, so
that everything works offline after the first use.
"""

from __future__ import annotations

import errno
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx.bundled import bundled_model, bundled_models
from shadow_mlx.config import BUNDLED_MODEL, DEFAULT_HUB_MODEL, MODEL_VARIABLE
from shadow_mlx.errors import DataError, HubError, InputError, ModelError
from shadow_mlx.model_folder import check_model, has_all_weights, is_model

# No Python code, no duplicates of the weights in other formats.
MODEL_FILES = [
    "*.json",
    "model*.safetensors",
    "*adapter*.safetensors",
    "tokenizer.model",
    "*.tiktoken",
    "merges.txt",
    "vocab.txt",
    "*.jinja",
]
CONFIG_FILES = ["config.json"]
DATASET_FILES = [
    f"{folder}{split}.{suffix}"
    for folder in ("", "data/")
    for split in ("train", "valid", "validation", "val", "dev", "test")
    for suffix in ("jsonl", "json")
]
ANSWER_SECONDS = 3.0  # how long the default model's choice waits for the hub

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class ModelChoice:
    """The backbone's name, and why it is this one.

    ``by_default`` is True when neither the user nor an adapter named it: then a person should be
    told.
    """

    name: str
    reason: str
    by_default: bool


def choose_model(model: str | None = None, adapter_path: str | Path | None = None) -> ModelChoice:
    """Decide which backbone to use.

    In this order: ``model``; the backbone that the adapter in ``adapter_path`` records;
    ``SHADOW_MLX_MODEL``; the default hub model if it is in the local cache or the hub answers
    within three seconds; the bundled ``sprout``.
    """
    if model is not None:
        return ModelChoice(model, "named on the command line", False)
    if adapter_path is not None and (own := adapter_backbone(adapter_path)):
        return ModelChoice(own, f"the backbone of {adapter_path}", False)
    if named := os.environ.get(MODEL_VARIABLE):
        return ModelChoice(named, f"named by {MODEL_VARIABLE}", True)
    if _cached(DEFAULT_HUB_MODEL, "model", MODEL_FILES) is not None:
        return ModelChoice(DEFAULT_HUB_MODEL, "the default; in the local hub cache", True)
    refusal = _hub_refusal(DEFAULT_HUB_MODEL)
    if refusal is None:
        return ModelChoice(DEFAULT_HUB_MODEL, "the default; the hub has it", True)
    return ModelChoice(
        BUNDLED_MODEL,
        f"bundled; the default {DEFAULT_HUB_MODEL} is not in the local hub cache and {refusal}",
        True,
    )


def adapter_backbone(adapter_path: str | Path) -> str | None:
    """The backbone that an adapter folder records, or None when it names none."""
    config = _json_object(Path(adapter_path) / "adapter_config.json")
    name = config.get("base_model_name_or_path")
    if not config:  # the original package has no field for it; ours stands under our key
        ours = _json_object(Path(adapter_path) / "shadow_config.json").get("shadow_mlx")
        name = ours.get("backbone_name") if isinstance(ours, dict) else None
    return name if isinstance(name, str) and name else None


def _json_object(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none: the file's loader says what is wrong."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def resolve_model(name: str, *, trust_remote_code: bool = False) -> Path:
    """The local folder of a model, downloaded first where necessary.

    ``sprout`` always is the bundled model; a folder of that name is ``./sprout``.

    Raises:
        ModelError: There is no such folder or id, it holds no usable weights, or it wants to run
            code of its own and ``trust_remote_code`` is False.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    folder = _local_model(name)
    if folder is None:
        files = [*MODEL_FILES, "*.py"] if trust_remote_code else MODEL_FILES
        folder = _download(name, "model", files, ModelError)
    check_model(folder, name, trust_remote_code=trust_remote_code)
    return folder


def resolve_config(name: str) -> Path:
    """The local folder of a model's ``config.json``; of the hub's models, that file is enough.

    Raises:
        ModelError: There is no such folder or id.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    folder = _local_model(name) or _cached(name, "model", CONFIG_FILES, whole=False)
    return folder or _download(name, "model", CONFIG_FILES, ModelError)


def _local_model(name: str) -> Path | None:
    """The folder of a bundled model or a folder's name; ``None`` for a hub id."""
    path = Path(name).expanduser()
    if name == BUNDLED_MODEL:
        return bundled_model(name)
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(f"--model {name}: a file; expected a model's folder or a hub id")
    if not _HUB_ID.fullmatch(name) or "/" not in name:
        raise ModelError(
            f"--model {name}: no such folder, and not a hub id such as {DEFAULT_HUB_MODEL} "
            f"(bundled: {', '.join(bundled_models()) or 'none'})"
        )
    return None


def resolve_dataset(name: str) -> Path:
    """The local folder of a hub dataset that holds ``train.jsonl``.

    Raises:
        DataError: There is no such dataset, or it has no ``train.jsonl``.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    if not _HUB_ID.fullmatch(name):
        raise DataError(f"--data {name}: no such file or folder, and not the id of a hub dataset")
    folder = _download(name, "dataset", DATASET_FILES, DataError)
    for candidate in (folder, folder / "data"):
        if any((candidate / f"train.{suffix}").is_file() for suffix in ("jsonl", "json")):
            return candidate
    raise DataError(
        f"--data {name}: the dataset has no train.jsonl; download it, write JSON Lines of chats, "
        "completions or texts, and give that file"
    )


def _cached(name: str, kind: str, patterns: list[str], *, whole: bool = True) -> Path | None:
    """The folder of a snapshot in the local hub cache, without asking the hub.

    A model's must hold all weights if it is to be the ``whole`` model, else its config.json.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                name, repo_type=kind, local_files_only=True, allow_patterns=list(patterns)
            )
        )
    except LocalEntryNotFoundError:
        return None
    if kind == "dataset":
        return folder
    return folder if (has_all_weights if whole else is_model)(folder) else None


def _download(
    name: str, kind: str, patterns: list[str], wrong: Callable[[str], InputError]
) -> Path:
    """A snapshot's folder, from the cache or the hub; ``wrong`` makes the error of a bad id."""
    from huggingface_hub import errors, snapshot_download

    cached = _cached(name, kind, patterns)
    if cached is not None:
        return cached
    try:
        return Path(snapshot_download(name, repo_type=kind, allow_patterns=list(patterns)))
    except errors.GatedRepoError:
        raise HubError(
            f"{name}: the {kind} is gated; accept its terms on https://huggingface.co/{name}, "
            "then log in with: hf auth login"
        ) from None
    except errors.RepositoryNotFoundError:
        raise wrong(
            f"{name}: no such {kind} on the hub (or it is private: hf auth login)"
        ) from None
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        offline = isinstance(cause, errors.OfflineModeIsEnabled)
        raise HubError(_unreachable(name, None if offline else cause or error)) from None
    except (_http_error(), errors.HfHubHTTPError) as error:
        raise HubError(_unreachable(name, error)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HubError(f"{name}: the disk is full; free some space, then try again") from None
        raise HubError(f"{name}: could not be downloaded: {error}") from None


def _unreachable(name: str, cause: BaseException | None) -> str:
    why = "HF_HUB_OFFLINE is set" if cause is None else _first_line(cause)
    return (
        f"{name}: not in the local hub cache, and the hub cannot be reached ({why}); "
        "check the connection, or give a local folder"
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".:") if text else type(error).__name__


def _http_error() -> type[Exception]:
    """What the hub's http client raises; the client is httpx or httpx2, by the hub's version."""
    from huggingface_hub import errors

    error: type[Exception] = vars(errors)["HTTPError"]  # imported there, not declared as its own
    return error


def _hub_refusal(name: str) -> str | None:
    """None when the hub says within :data:`ANSWER_SECONDS` that it has the model; else why not."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answers: list[str | None] = []

    def ask() -> None:
        try:
            HfApi().model_info(name, timeout=ANSWER_SECONDS)
        except (_http_error(), OSError, ValueError) as error:
            answers.append(f"the hub did not provide it ({_first_line(error)})")
        else:
            answers.append(None)

    # In a thread of its own, because resolving a host's name knows no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return answers[0] if answers else f"the hub did not answer within {ANSWER_SECONDS:g} seconds"
