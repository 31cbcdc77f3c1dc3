"""What the machine has, as the system tells it: for those who cannot ask MLX."""

from __future__ import annotations

import os


def memory_of_machine() -> int:
    """Bytes of physical memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
