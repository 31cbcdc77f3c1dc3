"""Which files of an adapter folder this program wrote: only those are ever replaced or removed.

The folder is a person's, and its default name is that of mlx-lm's. What stands in the places that
a run writes to is known by its content: a configuration by our key, weights by their configuration
and their names, a run's record by its events, its options or its checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shadow_mlx.config.yaml_file import read_yaml
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.files.card_seal import is_own_card
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.writing import disk_errors, is_leftover, remove_folder
from shadow_mlx.runs.events import is_event
from shadow_mlx.runs.folder import (
    ADAPTER_FILES,
    CARD,
    DRAFT_TOKENS,
    ORIGINAL_FILES,
    STATE_FILES,
    RunFolder,
    is_teacher_file,
)
from shadow_mlx.runs.live import is_live

OWN_KEY = "shadow_mlx"
"""Under which a configuration of ours has what the format itself has no field for."""

_FORMATS = (ADAPTER_FILES, ORIGINAL_FILES)
_CHECKPOINT_FILES = frozenset({*ADAPTER_FILES, *ORIGINAL_FILES, DRAFT_TOKENS, *STATE_FILES})
_OPTIONS = frozenset({"adapter_path", "aux_weight", "sharing"})
_HEADER = 100 << 20  # bytes; a longer one is no safetensors file

# What other tools leave, by the files that show it.
_OTHERS = (
    ("adapters of mlx-lm", ("adapters.safetensors", "*_adapters.safetensors", "adapters.npz")),
    ("an adapter of PEFT", ("adapter_model.bin",)),
    ("a model", ("model*.safetensors", "pytorch_model*.bin", "*.gguf")),
    ("a git repository", (".git",)),
)


def check_free_of_others(folder: RunFolder) -> None:
    """Refuse a folder in which a run would destroy, or mix itself with, what others wrote.

    A ``README.md`` of a person's is no reason: it stays.

    Raises:
        InputError: Names every such file, what it is, and the ways out.
    """
    if folder.path.exists() and not folder.path.is_dir():
        raise InputError(f"--adapter-path {folder.path}: is a file, expected a folder")
    found = dict(_in_the_way(folder))
    if not holds_own(folder):
        for name, what in _of_other_tools(folder.path):
            found.setdefault(name, what)
    if found:
        listed = "\n".join(f"  {name}: {what}" for name, what in sorted(found.items())[:20])
        raise InputError(
            f"--adapter-path {folder.path}: holds what shadow-mlx did not write, and does not "
            f"touch:\n{listed}\nChoose another folder with --adapter-path, or move these away. "
            "(--overwrite gives up only what shadow-mlx wrote.)"
        )


def check_may_be_cleared(folder: RunFolder) -> None:
    """Refuse to give up checkpoints into which somebody put files.

    Raises:
        InputError: Names them.
    """
    steps = (folder.checkpoint(step) for step in folder.saved_steps())
    if kept := [path for step in steps for path in _not_of_a_checkpoint(step)]:
        listed = "\n".join(f"  {path}" for path in kept[:20])
        raise InputError(
            f"--overwrite: checkpoints of the earlier run hold files that are not its own:\n"
            f"{listed}\nMove them away, or choose another folder with --adapter-path."
        )


def holds_own(folder: RunFolder) -> bool:
    """Whether an adapter or a run of ours is there, damaged or not."""
    return is_own_run(folder) or any(_is_own_config(folder.path / names[0]) for names in _FORMATS)


def is_own_run(folder: RunFolder) -> bool:
    """Whether ``run/`` is the record of a run of ours."""
    return (
        _is_own_log(folder.events)
        or any(_is_own_options(path) for path in (folder.config, folder.requested))
        or any(_is_own_state(folder.checkpoint(step)) for step in folder.saved_steps())
    )


def remove_run(folder: RunFolder) -> None:
    """Remove an adapter and its run; what this program did not write stays.

    The caller holds the lock, or knows that nobody does.

    Raises:
        SurroundingsError: The disk refuses.
    """
    paths = own_paths(folder)
    with disk_errors(folder.path, "remove the earlier run"):
        for path in paths:
            if path.is_dir():
                remove_checkpoint(path)
            else:
                path.unlink(missing_ok=True)
        for path in (folder.checkpoints, folder.teacher):
            _remove_if_empty(path)


def own_paths(folder: RunFolder, *, whole: bool = False) -> list[Path]:
    """The files and checkpoints' folders of an adapter and its run that may be removed.

    Args:
        folder: Whose.
        whole: Those too that a new run would find: what the terminal UI wrote, and the lock.
    """
    others = {name for name, _ in _in_the_way(folder)}
    found = [
        path
        for name in dict.fromkeys((*ADAPTER_FILES, *ORIGINAL_FILES, DRAFT_TOKENS))
        if name not in others and ((path := folder.path / name).name != CARD or is_own_card(path))
    ]
    record = (folder.config, folder.events, folder.crash, folder.labels)
    found += [path for path in record if _shown(folder, path) not in others]
    steps = map(folder.checkpoint, folder.saved_steps())
    found += [path for path in steps if not _not_of_a_checkpoint(path)]
    if _shown(folder, folder.teacher) not in others and folder.teacher.is_dir():
        found += [path for path in folder.teacher.iterdir() if is_teacher_file(path.name)]
    if whole and is_own_run(folder):
        found += [folder.requested, folder.output, folder.lock_file]
    return [path for path in found if path.exists() or path.is_symlink()]


def check_over(folder: RunFolder) -> None:
    """Refuse to take away what a process still writes.

    Raises:
        InputError: The run is still at work.
    """
    if is_live(folder.path):
        raise InputError(f"{folder.path}: the run is still at work; stop it first")


def remove_empty(folder: RunFolder) -> None:
    """The run's folders, of those in which nothing is left."""
    for path in (folder.checkpoints, folder.teacher, folder.run, folder.path):
        _remove_if_empty(path)


def remove_checkpoint(path: Path) -> bool:
    """Remove a checkpoint, unless somebody put files of theirs into it; whether it was removed.

    Raises:
        SurroundingsError: The disk refuses.
    """
    if _not_of_a_checkpoint(path):
        return False
    remove_folder(path)
    return True


def _in_the_way(folder: RunFolder) -> Iterator[tuple[str, str]]:
    """Where a run writes, what is not ours; the name within the folder, and what it is."""
    own_run = is_own_run(folder)
    for config, weights, _ in _FORMATS:
        path = folder.path / config
        own_config = _is_own_config(path)
        if _is_there(path) and not own_config:
            yield config, _kind_of_config(path)
        path = folder.path / weights
        with_run = own_run and not _is_there(folder.path / config)
        if _is_there(path) and not (_may_be_shadow(path) and (own_config or with_run)):
            yield weights, "weights that are no shadow of shadow-mlx's"
    if _is_there(tokens := folder.path / DRAFT_TOKENS) and not _is_own_config(tokens):
        yield DRAFT_TOKENS, "of another program, where a run puts the tokens of its data"
    if _is_there(folder.run) and not folder.run.is_dir():
        yield folder.run.name, "a file where the run's record has its folder"
        return
    files = (
        *(folder.config, folder.events, folder.requested, folder.output),
        *(folder.crash, folder.labels),
    )
    folders = (folder.checkpoints, folder.teacher)
    for path in (*files, *folders):
        if what := _why_not_own(path, own_run, folder=path in folders):
            yield _shown(folder, path), what


def _why_not_own(path: Path, own_run: bool, *, folder: bool) -> str:
    """What stands in the place of a part of the run's record; empty if that is as it should be."""
    if not _is_there(path):
        return ""
    if path.is_dir() != folder:
        return "a file where a folder is needed" if folder else "a folder where a file is needed"
    if folder:  # it may be a link to a larger disk
        return "" if own_run or not any(path.iterdir()) else "of another program's run"
    if path.is_symlink():
        return "a symbolic link"
    return "" if own_run else "of another program's run"


def _of_other_tools(path: Path) -> Iterator[tuple[str, str]]:
    for what, patterns in _OTHERS:
        for pattern in patterns:
            for found in sorted(path.glob(pattern)):
                yield found.name, f"of {what}" if found.name != ".git" else what


def _is_there(path: Path) -> bool:
    """Whether something has that name that could be lost, as an empty file could not."""
    return path.is_symlink() or path.is_dir() or (path.exists() and path.stat().st_size > 0)


def _is_own_config(path: Path) -> bool:
    return isinstance(_json(path).get(OWN_KEY), dict)


def _kind_of_config(path: Path) -> str:
    if path.is_symlink():
        return "a symbolic link"
    values = _json(path)
    if "fine_tune_type" in values:
        return f"of a {values['fine_tune_type']} adapter of mlx-lm"
    if "peft_type" in values:
        return f"of a {values['peft_type']} adapter of PEFT"
    return "of an adapter of another program"


def _json(path: Path) -> dict[str, Any]:
    """The object in a regular file; empty where there is none."""
    try:
        return {} if path.is_symlink() else read_object(path)
    except (OSError, JsonFileError):
        return {}


def _may_be_shadow(weights: Path) -> bool:
    """Whether nothing in the weights' file says that they are another method's."""
    if weights.is_symlink() or weights.is_dir():
        return False
    try:
        with weights.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= _HEADER else None
    except (OSError, ValueError, RecursionError):
        return True
    if not isinstance(header, dict):
        return True
    names = header.keys() - {"__metadata__"}
    return not names or any("shadow" in name for name in names)


def _is_own_log(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return is_event(file.readline(1 << 20).decode())
    except (OSError, UnicodeDecodeError):
        return False


def _is_own_options(path: Path) -> bool:
    try:
        return not path.is_symlink() and read_yaml(path).keys() >= _OPTIONS
    except ConfigError:
        return False


def _is_own_state(checkpoint: Path) -> bool:
    return "data_fingerprint" in _json(checkpoint / STATE_FILES[1])


def _not_of_a_checkpoint(checkpoint: Path) -> list[Path]:
    """What a checkpoint's folder holds beyond a checkpoint."""
    own = _CHECKPOINT_FILES.__contains__
    try:
        entries = list(checkpoint.iterdir())
    except OSError:
        return [checkpoint] if checkpoint.exists() else []
    return [
        entry
        for entry in entries
        if not (own(entry.name) or is_leftover(entry.name, own))
        or entry.is_dir()
        or entry.is_symlink()
        or (entry.name == CARD and not is_own_card(entry))
    ]


def _remove_if_empty(path: Path) -> None:
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        path.rmdir()


def _shown(folder: RunFolder, path: Path) -> str:
    return str(path.relative_to(folder.path))
