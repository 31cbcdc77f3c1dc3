"""An adapter's tensors as its file describes them, or one error that names the file."""

from __future__ import annotations

from pathlib import Path

from shadow_mlx.errors import CheckpointError
from shadow_mlx.files.tensor_files import DamagedFileError, TensorInfo, read_tensor_infos

__all__ = ["TensorInfo", "read_header"]


def read_header(path: Path) -> dict[str, TensorInfo]:
    """Names, types and shapes of the tensors in a file, whose length is checked.

    Raises:
        CheckpointError: There is no such file, it cannot be read, or it is damaged or cut short.
    """
    try:
        return read_tensor_infos(path)
    except OSError as error:
        raise CheckpointError(path, [f"cannot be read: {error.strerror or error}"]) from error
    except DamagedFileError as error:
        raise CheckpointError(path, [str(error)]) from error
