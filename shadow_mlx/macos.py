"""What macOS does to long work on the GPU, and what a run asks of it: let it, and stay awake.

Its watchdog ends work that keeps the GPU from the display; a Mac that sleeps pauses a run.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress

WATCHDOG = "AGX_RELAX_CDM_CTXSTORE_TIMEOUT"
"""The variable that makes the GPU's driver more patient. It is read when Metal is first used."""


def is_mac() -> bool:
    """Whether this is macOS."""
    return platform.system() == "Darwin"


def relax_watchdog(environment: MutableMapping[str, str]) -> None:
    """On a Mac, ask for the patient watchdog, unless somebody has decided about it already.

    Args:
        environment: That of a process which has not used Metal yet.
    """
    if is_mac():
        environment.setdefault(WATCHDOG, "1")


@contextmanager
def kept_awake() -> Iterator[None]:
    """Within the block a Mac does not go to sleep; its display may, and does the GPU good.

    ``caffeinate`` watches this process, so that it ends with it however that ends. Elsewhere, or
    where it cannot be started, nothing happens.
    """
    helper = _caffeinate() if is_mac() else None
    try:
        yield
    finally:
        if helper is not None:
            helper.kill()
            helper.wait()


def _caffeinate() -> subprocess.Popen[bytes] | None:
    if (program := shutil.which("caffeinate")) is None:
        return None
    with suppress(OSError):
        return subprocess.Popen(
            [program, "-is", "-w", str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal asks the run to save, meanwhile awake
        )
    return None
