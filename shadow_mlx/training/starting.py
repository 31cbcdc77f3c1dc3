"""May a run begin in this folder, and with which options: fresh, resumed, or refused."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from shadow_mlx.backbones.bundled import bundled_models
from shadow_mlx.config import TrainConfig
from shadow_mlx.config.yaml_file import read_yaml, to_yaml
from shadow_mlx.errors import ConfigError, InputError
from shadow_mlx.files.writing import write_text
from shadow_mlx.runs.belongings import check_free_of_others, check_may_be_cleared
from shadow_mlx.runs.folder import RunFolder

MAY_CHANGE = frozenset(
    {
        "iters",
        "epochs",
        "patience",
        "grad_checkpoint",
        "auto",
        "steps_per_report",
        "steps_per_eval",
        "val_batches",
        "samples",
        "save_every",
        "report_to",
        "project_name",
        "adapter_path",
        "init_adapter",
        "trust_remote_code",
        "parallel",
    }
)
"""Options that a resumed run may be given anew: none of them changes what a step computes."""


def with_absolute_paths(config: TrainConfig, model: str) -> TrainConfig:
    """The effective configuration: the backbone named, and local paths good from any folder."""
    return dataclasses.replace(
        config,
        model=model if model in bundled_models() else _absolute(model),
        data=_absolute(config.data),
        shadow=_absolute(config.shadow) or config.shadow,
        init_adapter=_absolute(config.init_adapter),
        teacher=_absolute(config.teacher),
        adapter_path=str(Path(config.adapter_path).absolute()),
    )


def _absolute(name: str | None) -> str | None:
    """``name`` as an absolute path if it is one at all, and not a hub id."""
    if name is None or ("/" not in name and not Path(name).suffix and not Path(name).is_dir()):
        return name
    path = Path(name)
    return str(path.absolute()) if path.exists() else name


def save_config(folder: RunFolder, config: TrainConfig) -> None:
    """Write ``run/config.yaml``, which ``--config`` reads back to the same run."""
    write_text(folder.config, to_yaml(config.to_mapping()))


def load_config(folder: RunFolder) -> TrainConfig:
    """The configuration of the run in this folder.

    Raises:
        ConfigError: There is no run, or its file cannot be read.
    """
    if not os.path.lexists(folder.config):
        raise ConfigError(
            f"--resume: there is no run in {folder.path} (no {folder.config.name} in "
            f"{folder.run}). Leave --resume out to start one, or name another --adapter-path."
        )
    return TrainConfig.from_mapping(read_yaml(folder.config), where=str(folder.config))


def check_resumable(config: TrainConfig, saved: TrainConfig) -> None:
    """Refuse to resume with options that would make it another run.

    Raises:
        ConfigError: Names every option that differs.
    """
    differing = [
        f"  {flag}: the run has {_shown(has)}, given is {_shown(given)}"
        for flag, has, given in saved.differing(config, ignoring=MAY_CHANGE)
    ]
    if differing:
        raise ConfigError(
            "--resume continues the run as it was begun; these options contradict it:\n"
            + "\n".join(differing)
            + "\nLeave them out, or start a new run in another --adapter-path."
        )


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)


def check_folder(folder: RunFolder, *, resume: bool, overwrite: bool) -> None:
    """Refuse to start where what is not this run's would be lost.

    Raises:
        InputError: With what lies there and the ways out.
    """
    check_free_of_others(folder)
    if overwrite:
        check_may_be_cleared(folder)
    elif not resume:
        check_unoccupied(folder)


def check_unoccupied(folder: RunFolder) -> None:
    """Refuse to start where another run's adapter or checkpoints would be lost.

    Raises:
        InputError: With what lies there and the ways out.
    """
    steps = folder.saved_steps()
    if not steps and not folder.has_adapter:
        return
    holds = f"a run saved at step {steps[-1]}" if steps else "a trained adapter"
    resume = "continue it with --resume, " if steps else ""
    raise InputError(
        f"{folder.path} already holds {holds}: {resume}start over with --overwrite, "
        "or choose another folder with --adapter-path."
    )
