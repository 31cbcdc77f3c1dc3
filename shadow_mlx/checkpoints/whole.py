"""Which files of an adapter's folder belong together: those at its top, or a checkpoint's.

A run that is killed in the middle of a save leaves at the top a configuration and weights of two
saves, or one of them alone. The checkpoint that was written just before is whole.
"""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.checkpoints.record import OURS, PEFT_FILES
from shadow_mlx.checkpoints.shadow_peft import ORIGINAL_FILES, is_original
from shadow_mlx.errors import CheckpointError
from shadow_mlx.notes import note
from shadow_mlx.runs.folder import RunFolder


def whole_adapter(folder: Path) -> Path:
    """``folder``, or the newest checkpoint below it where the adapter at its top is torn.

    Of the latter a person is told. What else is wrong with an adapter, its loader says.
    """
    if _is_whole(folder):
        return folder
    for checkpoint in RunFolder(folder).saved_adapters():
        if _is_whole(checkpoint):
            note(
                f"{folder}: the adapter at its top is not whole (a save was cut short?); the one "
                f"of {checkpoint} is used"
            )
            return checkpoint
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether its files can be read and belong together."""
    pair = ORIGINAL_FILES if is_original(folder) else PEFT_FILES
    try:
        values = pair.read_config(folder)
        if OURS not in values:
            return True  # another program's: it knows neither digest nor checkpoints
        pair.read_header(folder)
        ours = values[OURS]
        digest = ours.get("weights_sha256") if isinstance(ours, dict) else None
        pair.check_digest(folder, digest if isinstance(digest, str) else None)
    except CheckpointError:
        return False
    return True
