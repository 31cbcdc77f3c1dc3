"""What the UI must know of the machine, and how it starts its children."""

from __future__ import annotations

import os
import sys


def worker_command() -> list[str]:
    """How the child that holds models and data is started."""
    return [sys.executable, "-m", "shadow_mlx.worker"]


def memory_of_machine() -> int:
    """Bytes of physical memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
