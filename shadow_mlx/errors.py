"""The exceptions that this project raises on purpose, each with the exit code of its kind.

The command line turns any of them into one short message; anything else is a bug and keeps its
traceback (exit code 1).
"""

from __future__ import annotations

from collections.abc import Sequence


class ShadowMLXError(Exception):
    """Base of every error raised on purpose. ``exit_code`` is what the process returns."""

    exit_code = 1


class InputError(ShadowMLXError):
    """What the user gave is wrong: a flag, a path, a file's content."""

    exit_code = 2


class ConfigError(InputError):
    """An option is unknown, out of range, or contradicts another one."""


class DataError(InputError):
    """Training or test data cannot be used as it is."""


class ModelError(InputError):
    """A model folder or id cannot be used as a backbone or as a shadow."""


class UnsupportedArchitectureError(ModelError):
    """The architecture's decoder loop cannot carry a shadow; the message says why."""


class CheckpointError(InputError):
    """An adapter's files do not fit the model or the format.

    Args:
        where: The file or folder that was read.
        mismatches: One line per finding: key, what was expected, what was found.
    """

    def __init__(self, where: object, mismatches: Sequence[str]) -> None:
        self.mismatches = tuple(mismatches)
        shown = self.mismatches[:20]
        lines = [f"{where}:", *(f"  {line}" for line in shown)]
        if len(self.mismatches) > len(shown):
            lines.append(f"  … and {len(self.mismatches) - len(shown)} more")
        super().__init__("\n".join(lines))


class SurroundingsError(ShadowMLXError):
    """The surroundings failed: network, disk, memory, another process holding the folder."""

    exit_code = 3


class HubError(SurroundingsError):
    """The Hugging Face hub could not be reached, or refused."""


class PeersLostError(SurroundingsError):
    """Another process of a run on several went away; this one cannot go on alone."""


class NonFiniteError(SurroundingsError):
    """The loss or a gradient is not a finite number; the last good checkpoint is kept."""


class Interrupted(ShadowMLXError):  # noqa: N818 - not an error of anybody's making
    """The user or the system asked to stop; the state is saved."""

    exit_code = 130


# How MLX begins to say that Metal ended a step for want of memory.
_NO_METAL_MEMORY = "[METAL] Command buffer execution failed: Insuff"


# How MLX's allocators begin the RuntimeError that they raise when memory is exhausted.
_ALLOCATORS = ("[malloc", "[metal::malloc]", _NO_METAL_MEMORY)


# Metal's names for what the GPU's watchdog does to a step that takes too long.
_TIMEOUTS = tuple(
    f"kIOGPUCommandBufferCallbackError{name}" for name in ("Timeout", "ImpactingInteractivity")
)


# What MLX says when the compiler that makes its kernels on a CPU did not come to its end.
_COMPILER = "Could not load C++ shared library"


# How the ways between processes begin to say that one of them is not there any more.
_BACKENDS = ("[ring]", "[mpi]", "[jaccl]", "[nccl]")


def tells_of_lost_peer(error: BaseException) -> bool:
    """Whether MLX says that another process went away."""
    return isinstance(error, RuntimeError) and str(error).startswith(_BACKENDS)


def tells_of_watchdog(said: str) -> bool:
    """Whether what MLX said, in an error or on its way out, names the GPU's watchdog."""
    return any(name in said for name in _TIMEOUTS)


def tells_of_metal_memory(said: str) -> bool:
    """Whether what MLX said, in an error or on its way out, is that Metal's memory ran out."""
    return _NO_METAL_MEMORY in said


def is_compiler_failure(error: BaseException) -> bool:
    """Whether MLX has no kernel because its compiler is missing, or was broken off by a Ctrl-C."""
    return isinstance(error, RuntimeError) and str(error).startswith(_COMPILER)


def surroundings_failure(error: BaseException) -> SurroundingsError | None:
    """What an exception says of the machine, as an error of ours; ``None`` for any other."""
    if is_out_of_memory(error):
        return SurroundingsError(f"out of memory: {error or 'an allocation failed'}")
    if isinstance(error, RuntimeError) and tells_of_watchdog(str(error)):
        return SurroundingsError(
            "the GPU's watchdog ended a step that kept the GPU from the display for too long. Turn "
            "the display off meanwhile, or make the step shorter: fewer or shorter texts at once"
        )
    if tells_of_lost_peer(error):
        return PeersLostError(f"another process of this run went away ({error})")
    if is_compiler_failure(error):
        return SurroundingsError(
            "MLX could not compile a part of the model: its compiler was broken off, or there is "
            "none (on Linux without a GPU it needs g++)"
        )
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says, in Python's words or in MLX's, that memory is exhausted."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and str(error).startswith(_ALLOCATORS)
    )
