"""Names of models and datasets to folders on this machine.

It and :mod:`shadow_mlx.hub.snapshots`, its downloads, are the only ones to use the network.

A model's name is a local folder, a hub id (``mlx-community/Qwen3-0.6B-4bit``) or a bundled model
(``sprout``). What the local hub cache already holds completely is used without asking the hub, so
that everything works offline after the first use.
"""

from __future__ import annotations

import dataclasses
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx.backbones.bundled import bundled_model, bundled_models
from shadow_mlx.backbones.folder import check_model, has_tokenizer
from shadow_mlx.config import BUNDLED_MODEL, DEFAULT_HUB_MODEL, MODEL_VARIABLE
from shadow_mlx.config.paths import local
from shadow_mlx.errors import DataError, HubError, ModelError, ShadowMLXError
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.hub.cache import (
    ADAPTER,
    ADAPTER_CONFIG,
    CONFIG,
    EITHER_CONFIG,
    MODEL,
    TOKENIZER,
    Wanted,
    usable_snapshot,
    whole_snapshot,
)
from shadow_mlx.hub.fetching import fetch
from shadow_mlx.hub.listing import listing
from shadow_mlx.hub.recorded import find_folder, hub_id_of_snapshot
from shadow_mlx.notes import note
from shadow_mlx.runs.folder import RunFolder

DATASET_FILES = tuple(
    f"{folder}{split}.{suffix}"
    for folder in ("", "data/")
    for split in ("train", "valid", "validation", "val", "dev", "test")
    for suffix in ("jsonl", "json")
)
# The card names the labels that stand in the lines as numbers.
_DATASET = Wanted((*DATASET_FILES, "README.md"), DATASET_FILES, lambda folder: True, in_part=False)
ANSWER_SECONDS = 3.0  # how long the default model's choice waits for the hub

OnDownload = Callable[[str, int, int], None]
"""Called with a repository's id, the bytes that are here, and the bytes that there will be."""

_listener: ContextVar[OnDownload | None] = ContextVar("listener", default=None)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class ModelChoice:
    """The backbone's name, and why it is this one.

    ``by_default`` is True when neither the user nor an adapter named it: then a person should be
    told. ``adapter`` is the folder of the adapter that records it, if one does.
    """

    name: str
    reason: str
    by_default: bool
    adapter: str | None = None


def choose_model(model: str | None = None, adapter_path: str | Path | None = None) -> ModelChoice:
    """Decide which backbone to use.

    In this order: ``model``; the backbone that the adapter in ``adapter_path`` records;
    ``SHADOW_MLX_MODEL``; the default hub model if it is in the local cache or the hub answers
    within three seconds; the bundled ``sprout``.

    Raises:
        ModelError: The adapter records a folder that is not there.
    """
    if model is not None:
        return ModelChoice(model, "named on the command line", False)
    if adapter_path is not None and (own := adapter_backbone(adapter_path)):
        name = find_recorded(own, adapter_path)
        return ModelChoice(name, f"the backbone of {adapter_path}", False, str(adapter_path))
    if named := os.environ.get(MODEL_VARIABLE):
        return ModelChoice(named, f"named by {MODEL_VARIABLE}", True)
    if whole_snapshot(DEFAULT_HUB_MODEL, "model", MODEL) is not None:
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
    top = local(adapter_path)
    folders = [] if top is None else [top, *RunFolder(top).saved_adapters()]
    return next((name for folder in folders if (name := _backbone_in(folder))), None)


def _backbone_in(folder: Path) -> str | None:
    config = _json_object(folder / "adapter_config.json")
    name = config.get("base_model_name_or_path")
    if not config:  # the original package has no field for it; ours stands under our key
        ours = _json_object(folder / "shadow_config.json").get("shadow_mlx")
        name = ours.get("backbone_name") if isinstance(ours, dict) else None
    return name if isinstance(name, str) and name else None


def find_recorded(record: str, adapter_path: str | Path) -> str:
    """The folder, hub id or bundled name that an adapter's record of its backbone means now.

    Raises:
        ModelError: It is a folder that is not there, nor where it would have been moved with the
            adapter.
    """
    if record == BUNDLED_MODEL:
        return record
    if (folder := find_folder(record, adapter_path)) is not None:
        return str(folder)
    if hub_id := hub_id_of_snapshot(record):
        return hub_id
    if not _is_hub_id(record):
        raise ModelError(_lost(record, adapter_path))
    return record


def resolve_recorded(
    record: str, adapter_path: str | Path, *, trust_remote_code: bool = False
) -> Path:
    """:func:`resolve_model` of what an adapter records; errors say so, and what to do.

    Raises:
        ModelError: See :func:`resolve_model`.
        HubError: See there.
    """
    name = find_recorded(record, adapter_path)
    try:
        folder = _model_folder(name, trust_remote_code=trust_remote_code)
    except (ModelError, HubError) as error:
        raise type(error)(f"{_lost(record, adapter_path)} ({error})") from error
    check_model(folder, name, trust_remote_code=trust_remote_code)
    return folder


def check_recorded(record: str, adapter_path: str | Path) -> str | None:
    """Why a recorded backbone cannot be loaded now, told without the network; ``None`` if it can.

    What only the hub can tell is no reason.
    """
    from huggingface_hub import constants

    try:
        name = find_recorded(record, adapter_path)
    except ModelError as error:
        return str(error)
    elsewhere = name != BUNDLED_MODEL and _is_hub_id(name) and _local_folder(name) is None
    if elsewhere and constants.HF_HUB_OFFLINE and usable_snapshot(name, "model", MODEL) is None:
        return f"{_lost(record, adapter_path)} (HF_HUB_OFFLINE is set)"
    return None


def _lost(record: str, adapter_path: str | Path) -> str:
    return (
        f"the adapter {adapter_path} records the backbone {record}, which is not there; name it "
        "with --model"
    )


def _json_object(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none: the file's loader says what is wrong."""
    try:
        return read_object(path)
    except (OSError, JsonFileError):
        return {}


def resolve_model(name: str, *, flag: str = "--model", trust_remote_code: bool = False) -> Path:
    """The local folder of a model, downloaded first where necessary.

    ``sprout`` always is the bundled model; a folder of that name is ``./sprout``. ``flag`` is the
    option that named it.

    Raises:
        ModelError: There is no such folder or id, it holds no usable weights, or it wants to run
            code of its own and ``trust_remote_code`` is False.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    folder = _model_folder(name, flag=flag, trust_remote_code=trust_remote_code)
    check_model(folder, name, trust_remote_code=trust_remote_code)
    return folder


def _model_folder(name: str, *, flag: str = "--model", trust_remote_code: bool = False) -> Path:
    folder = _local_folder(name, flag)
    return folder or _download(name, "model", _with_code(MODEL, trust_remote_code))


def resolve_config(name: str, *, flag: str = "--model") -> Path:
    """The local folder of a model's ``config.json``; of the hub's models, that file is enough.

    Raises:
        ModelError: There is no such folder or id.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    return _local_folder(name, flag) or _download(name, "model", CONFIG)


def resolve_adapter(name: str, *, flag: str) -> Path | None:
    """The local folder of an adapter, downloaded first where necessary; ``None`` for a model.

    Raises:
        ModelError: There is no such folder or id.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    folder = _local_folder(name, flag)
    if folder is not None:
        return folder if (folder / ADAPTER_CONFIG).is_file() else None
    if not (_download(name, "model", EITHER_CONFIG) / ADAPTER_CONFIG).is_file():
        return None
    return _download(name, "model", ADAPTER)


def resolve_tokenizer(name: str, *, trust_remote_code: bool = False) -> Path:
    """A local folder with a model's tokenizer; its weights are neither needed nor downloaded.

    Raises:
        ModelError: There is no such folder or id.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    folder = _local_folder(name)
    if folder is None:
        return _download(name, "model", _with_code(TOKENIZER, trust_remote_code))
    if not has_tokenizer(folder):
        check_model(folder, name, trust_remote_code=trust_remote_code)
    return folder


def _local_folder(name: str, flag: str = "--model") -> Path | None:
    """The folder of a model that is here by its name; ``None`` for an id on the hub."""
    if name == BUNDLED_MODEL:
        return bundled_model(name)
    path = local(name)
    if path is not None and path.is_dir():
        return path
    if path is not None:
        raise ModelError(f"{flag} {name}: a file; expected a model's folder or a hub id")
    if not _is_hub_id(name):
        raise ModelError(
            f"{flag} {name}: no such folder, and not a hub id such as {DEFAULT_HUB_MODEL} "
            f"(bundled: {', '.join(bundled_models()) or 'none'})"
        )
    return None


def _is_hub_id(name: str) -> bool:
    """Whether a name may be that of a model on the hub, with the owner's before it."""
    return "/" in name and _is_repository(name)


def _is_repository(name: str) -> bool:
    """Whether the hub's client takes a name, which is stricter about some characters."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return _HUB_ID.fullmatch(name) is not None


def resolve_dataset(name: str) -> Path:
    """The local folder of a hub dataset that holds ``train.jsonl``.

    Raises:
        DataError: There is no such dataset, or it has no ``train.jsonl``.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    if not _is_repository(name):
        raise DataError(f"--data {name}: no such file or folder, and not the id of a hub dataset")
    folder = _download(name, "dataset", _DATASET)
    for candidate in (folder, folder / "data"):
        if any((candidate / f"train.{suffix}").is_file() for suffix in ("jsonl", "json")):
            return candidate
    raise DataError(
        f"--data {name}: the dataset has no train.jsonl; download it, write JSON Lines of chats, "
        "completions, labels or texts, and give that file"
    )


@contextmanager
def watching_downloads(listener: OnDownload) -> Iterator[None]:
    """Tell ``listener`` of every download that is made meanwhile, in this thread."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)


def _with_code(wanted: Wanted, trusted: bool) -> Wanted:
    if not trusted:
        return wanted
    return dataclasses.replace(
        wanted, patterns=(*wanted.patterns, "*.py"), needed=(*wanted.needed, "*.py")
    )


def _download(name: str, kind: str, wanted: Wanted) -> Path:
    """A snapshot's folder, from the cache or the hub.

    A cache that has what cannot be done without is used as it is where the hub cannot complete it.
    """
    from huggingface_hub import constants

    if (folder := whole_snapshot(name, kind, wanted)) is not None:
        return folder
    usable = usable_snapshot(name, kind, wanted)
    if usable is not None and constants.HF_HUB_OFFLINE:
        return usable
    listener = _listener.get()

    def on_bytes(done: int, total: int) -> None:
        if listener is not None:
            listener(name, done, total)

    try:
        return fetch(name, kind, wanted.patterns, on_bytes)
    except (HubError, ModelError) as error:
        if usable is None:
            raise
        note(f"{error}. What the local hub cache has is used: {usable}")
        return usable


def _hub_refusal(name: str) -> str | None:
    """None when the hub says within :data:`ANSWER_SECONDS` that it has the model; else why not."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answers: list[str | None] = []

    def ask() -> None:
        try:
            listing(name, "model", ANSWER_SECONDS)
        except ShadowMLXError as error:
            answers.append(f"the hub did not provide it ({error})")
        else:
            answers.append(None)

    # In a thread of its own, because resolving a host's name knows no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return answers[0] if answers else f"the hub did not answer within {ANSWER_SECONDS:g} seconds"
