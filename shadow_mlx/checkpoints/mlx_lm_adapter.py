"""Adapters of mlx-lm itself, as ``mlx_lm.lora`` writes them: LoRA, DoRA, or changed weights.

They are read to be compared with; nothing here writes them. What is not needed to tell what a
folder holds imports MLX when it is called.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from shadow_mlx.errors import CheckpointError
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.tensor_files import DamagedFileError, read_tensor_infos

WEIGHTS = "adapters.safetensors"
CONFIG = "adapter_config.json"

FineTuning = Literal["lora", "dora", "full"]
"""mlx-lm's ``fine_tune_type``."""


@dataclass(frozen=True)
class MlxLmAdapter:
    """An adapter folder of mlx-lm.

    Attributes:
        folder: Where it lies.
        kind: What of the model it changes, and how.
        model: The model that it was trained on, as its configuration names it.
    """

    folder: Path
    kind: FineTuning
    model: str | None

    @property
    def weights(self) -> Path:
        """The file with its tensors."""
        return self.folder / WEIGHTS


def is_mlx_lm_adapter(folder: Path) -> bool:
    """Whether mlx-lm wrote an adapter there, be it whole or not."""
    if (folder / WEIGHTS).is_file():
        return True
    try:
        return "fine_tune_type" in read_object(folder / CONFIG)
    except (OSError, JsonFileError):
        return False


def read_mlx_lm_adapter(folder: Path) -> MlxLmAdapter:
    """What a folder of :func:`is_mlx_lm_adapter` holds; its tensors are described, not read.

    Raises:
        CheckpointError: A file is missing or damaged, or is of a kind that mlx-lm does not load.
    """
    if not (folder / WEIGHTS).is_file():
        raise CheckpointError(
            folder, [f"expected {WEIGHTS}, found none; copy a numbered checkpoint to that name"]
        )
    try:
        config = read_object(folder / CONFIG)
    except FileNotFoundError:
        raise CheckpointError(folder, [f"expected {CONFIG} beside {WEIGHTS}, found none"]) from None
    except OSError as error:
        raise CheckpointError(folder, [f"{CONFIG}: cannot be read: {error.strerror}"]) from error
    except JsonFileError as error:
        raise CheckpointError(folder, [f"{CONFIG}: {error}"]) from error
    kind, model = config.get("fine_tune_type", "lora"), config.get("model")
    if kind not in get_args(FineTuning):
        expected = ", ".join(get_args(FineTuning))
        raise CheckpointError(folder, [f"fine_tune_type: expected {expected}, found {kind!r}"])
    return MlxLmAdapter(folder, kind, model if isinstance(model, str) and model else None)


def count_parameters(adapter: MlxLmAdapter) -> int:
    """Numbers in its tensors: what its training has changed.

    Raises:
        CheckpointError: The file is damaged.
    """
    try:
        infos = read_tensor_infos(adapter.weights)
    except (OSError, DamagedFileError) as error:
        raise CheckpointError(adapter.folder, [f"{WEIGHTS}: {error}"]) from error
    return sum(math.prod(info.shape) for info in infos.values())


def put_on(adapter: MlxLmAdapter, model: Any) -> Any:
    """The model with the adapter on it, by mlx-lm's own loader; ``model`` is changed in place.

    Raises:
        CheckpointError: The adapter does not fit the model, or gives answers that are no numbers.
    """
    import mlx.core as mx
    from mlx_lm.tuner.utils import load_adapters

    from shadow_mlx.backbones.trial import answers

    count_parameters(adapter)  # a damaged file says so here, and not in the first answer
    try:
        loaded = load_adapters(model, str(adapter.folder))
        mx.eval(loaded.parameters())
        loaded.eval()
        finite = answers(loaded)
    except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate" in str(error):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise CheckpointError(
            adapter.folder,
            [
                f"mlx-lm cannot put it on this model ({type(error).__name__}); it was trained on "
                f"{adapter.model or 'a model that it does not name'}",
                *lines,
            ],
        ) from error
    if not finite:
        raise CheckpointError(
            adapter.folder, ["expected answers of finite numbers, found NaN or infinity"]
        )
    return loaded
