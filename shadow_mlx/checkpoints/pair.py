"""A configuration and the weights that belong to it: written together, checked together.

The configuration records the digest of the weights' file, so a mixture of two saves (a crash
between two renames, a partial copy) is found out instead of loaded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import mlx.core as mx

from shadow_mlx.errors import CheckpointError, ConfigError, ModelError, UnsupportedArchitectureError
from shadow_mlx.files.card_seal import may_write_card, sealed
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.tensor_files import DamagedFileError, TensorInfo, read_tensor_infos
from shadow_mlx.files.writing import atomic_file, load_safetensors

LARGEST_WEIGHT = 1e5
"""No trained network has larger numbers; with them its answers would be NaN."""

_FLOATS = ("F32", "BF16", "F16")


@dataclass(frozen=True)
class Pair:
    """The two files of one adapter format."""

    config: str
    weights: str

    def write(
        self,
        folder: Path,
        tensors: Mapping[str, mx.array],
        describe: Callable[[str], Mapping[str, Any]],
        card: str,
    ) -> None:
        """Write both and a ``README.md``, or leave everything as it was.

        All are written beside their places first and then renamed. A ``README.md`` that a person
        wrote or changed stays.

        Args:
            folder: Where; made if it is missing.
            tensors: The weights.
            describe: Makes the configuration of the weights' digest.
            card: The model card.

        Raises:
            SurroundingsError: The disk is full, read-only, or otherwise refuses.
        """
        with ExitStack() as stack:  # renames when it is left, the last file first
            config_file = stack.enter_context(atomic_file(folder / self.config))
            weights_file = stack.enter_context(atomic_file(folder / self.weights))
            files = [weights_file, config_file]
            if may_write_card(folder / "README.md"):  # a person's own stays
                card_file = stack.enter_context(atomic_file(folder / "README.md"))
                card_file.write(sealed(card).encode())
                files.append(card_file)
            mx.save_safetensors(weights_file, dict(tensors), {"format": "pt"})
            weights_file.flush()
            values = describe(_digest(Path(weights_file.name)))
            text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
            config_file.write(text.encode() + b"\n")
            for file in files:  # nothing slow between renames
                file.flush()
                os.fsync(file.fileno())

    def check_digest(self, folder: Path, recorded: str | None) -> None:
        """Refuse weights that are not those that the configuration was written with.

        Raises:
            CheckpointError: They are not.
        """
        if recorded is None:
            return
        path = folder / self.weights
        try:
            found = _digest(path)
        except OSError as error:
            raise CheckpointError(path, [f"cannot be read: {error.strerror}"]) from error
        if found != recorded:
            raise CheckpointError(
                folder,
                [
                    f"{self.weights} is not the file that {self.config} was written with: they "
                    "come from two saves, or one was changed. A complete adapter may be in "
                    "run/checkpoints."
                ],
            )

    def read_config(self, folder: Path) -> dict[str, Any]:
        """The configuration, which must be a JSON object.

        Raises:
            CheckpointError: It is missing or cannot be read.
        """
        path = folder / self.config
        if not folder.is_dir():
            found = "a file" if folder.exists() else "no such folder"
            raise CheckpointError(folder, [f"expected the folder of an adapter, found {found}"])
        try:
            return read_object(path, strict=True)
        except FileNotFoundError:
            hint = ""
            if (folder / "config.json").is_file():
                hint = "; this looks like a model: give it as --model"
            raise CheckpointError(folder, [f"holds no adapter: no {self.config}{hint}"]) from None
        except OSError as error:
            raise CheckpointError(path, [f"cannot be read: {error.strerror}"]) from error
        except JsonFileError as error:
            raise CheckpointError(path, [str(error)]) from error

    def read_header(self, folder: Path) -> dict[str, TensorInfo]:
        """Names, types and shapes of the weights.

        Raises:
            CheckpointError: The file is missing, damaged or cut short.
        """
        path = folder / self.weights
        try:
            return read_tensor_infos(path)
        except OSError as error:
            raise CheckpointError(path, [f"cannot be read: {error.strerror or error}"]) from error
        except DamagedFileError as error:
            raise CheckpointError(path, [str(error)]) from error

    def read_tensors(
        self, folder: Path, expected: Mapping[str, mx.array], passed_over: Iterable[str] = ()
    ) -> dict[str, mx.array]:
        """The weights, in memory, once they are known to be what is expected.

        Args:
            folder: The adapter's folder.
            expected: Names and shapes; the values are not looked at.
            passed_over: Names that may be there or not, and are not read.

        Raises:
            CheckpointError: Tensors are missing, extra, misshapen or of a wrong type, all of them
                together; or else not finite.
        """
        path = folder / self.weights
        if problems := _differences(self.read_header(folder), expected, set(passed_over)):
            raise CheckpointError(path, problems)
        try:
            loaded = load_safetensors(path)
            tensors = {name: loaded[name] for name in expected if name in loaded}
            finite = {name: mx.isfinite(value).all() for name, value in tensors.items()}
            mx.eval(tensors, finite)
        except (RuntimeError, ValueError, OSError) as error:
            raise CheckpointError(path, [f"cannot be read: {error}"]) from error
        if broken := [name for name in sorted(tensors) if not finite[name].item()]:
            raise CheckpointError(
                path, [f"{name}: expected finite numbers, found NaN or infinity" for name in broken]
            )
        large = {n: mx.abs(w).max() for n, w in tensors.items() if w.size}
        if broken := [name for name in sorted(large) if (large[name] > LARGEST_WEIGHT).item()]:
            raise CheckpointError(
                path,
                [
                    f"{n}: expected weights up to {LARGEST_WEIGHT:g}, found {large[n].item():.3g}"
                    for n in broken
                ],
            )
        return tensors


@contextmanager
def unbuildable(where: Path) -> Iterator[None]:
    """Turn what fails while a recorded network is built into one error that names its record.

    Raises:
        CheckpointError: The network cannot be built.
    """
    try:
        yield
    except UnsupportedArchitectureError:
        raise
    except (
        ConfigError, ModelError, ValueError, TypeError, KeyError, IndexError, AttributeError,
        ArithmeticError, AssertionError, RuntimeError, ImportError,
    ) as error:  # fmt: skip
        text = str(error).strip().partition("\n")[0] or "no model has such settings"
        raise CheckpointError(
            where, [f"the shadow that it records cannot be built: {text}"]
        ) from error


def _differences(
    found: Mapping[str, TensorInfo], expected: Mapping[str, mx.array], passed_over: set[str]
) -> list[str]:
    """Missing, extra, misshapen and wrongly typed tensors, in the order of their names."""
    problems = []
    for name in sorted({*found, *expected} - passed_over):
        info, value = found.get(name), expected.get(name)
        if info is None:
            assert value is not None
            problems.append(f"{name}: expected shape {list(value.shape)}, found no such tensor")
            continue
        shown = f"{info.dtype} {list(info.shape)}"
        if value is None:
            problems.append(f"{name}: expected no such tensor, found {shown}")
        elif info.shape != value.shape:
            problems.append(f"{name}: expected shape {list(value.shape)}, found {shown}")
        elif info.dtype not in _FLOATS:
            problems.append(f"{name}: expected one of {', '.join(_FLOATS)}, found {shown}")
    return problems


def _digest(path: Path) -> str:
    stat = path.stat()
    return _digest_of(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=8)
def _digest_of(path: Path, *_state: int) -> str:
    """Kept while the file stays the same: one load asks for it several times."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
