"""What the machine has and how busy it is, as the system tells it: for those who cannot ask MLX."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.macos import is_mac

MEMINFO = Path("/proc/meminfo")
"""Where Linux tells of memory, a line for each figure, in kibibytes."""

PATIENCE_SECONDS = 2.0
"""What a program of the system may take to answer."""

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True)
class Business:
    """How busy the machine is. ``None`` stands for what the system does not tell.

    Attributes:
        memory: Bytes of physical memory.
        used: Those that programs hold, which is all but what they could have at once.
        swap: Bytes of swap space that are used.
        swap_space: How many there are; 0 for a machine without any.
        load: Programs that want a processor, on average over the last minute.
        processors: How many there are.
    """

    memory: int | None = None
    used: int | None = None
    swap: int | None = None
    swap_space: int | None = None
    load: float | None = None
    processors: int | None = None


def memory_of_machine() -> int:
    """Bytes of physical memory; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def memory_of(process: int) -> int:
    """Bytes that a process has in memory; 0 where nobody tells. A program is asked."""
    return int(_said_by("ps", "-o", "rss=", "-p", str(process)) or 0) << 10


def business() -> Business:
    """A look at the machine. On a Mac two programs are asked: for a thread."""
    memory = memory_of_machine() or None
    if is_mac():
        free = _free_of_mac(_said_by("vm_stat"))
        swap, space = _swap_of_mac(_said_by("sysctl", "-n", "vm.swapusage"))
    else:
        free, swap, space = _told_by_linux()
    used = memory - free if memory is not None and free is not None else None
    return Business(memory, used, swap, space, _load(), os.cpu_count())


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _told_by_linux() -> tuple[int | None, int | None, int | None]:
    """Bytes that are free, of swap those that are used, and those that there are."""
    try:
        text = MEMINFO.read_text(errors="replace")
    except OSError:
        return None, None, None
    told = {name: int(count) << 10 for name, count in re.findall(r"^(\w+): +(\d+) kB$", text, re.M)}
    space, free = told.get("SwapTotal"), told.get("SwapFree")
    used = space - free if space is not None and free is not None else None
    return told.get("MemAvailable"), used, space


def _free_of_mac(said: str) -> int | None:
    """Bytes that a program could have at once, from what ``vm_stat`` says: pages by their state."""
    size = re.search(r"page size of (\d+) bytes", said)
    pages = dict(re.findall(r"^Pages ([\w ]+): +(\d+)\.", said, re.M))
    if size is None or "free" not in pages:
        return None
    could = ("free", "inactive", "speculative", "purgeable")
    return int(size[1]) * sum(int(pages.get(state, 0)) for state in could)


def _swap_of_mac(said: str) -> tuple[int | None, int | None]:
    """Bytes used and there are: ``total = 2048.00M  used = 987.25M  free = 1060.75M``."""
    told = {
        name: int(float(count) * UNITS[unit])
        for name, count, unit in re.findall(r"(\w+) = ([\d.]+)([KMG])", said)
    }
    return told.get("used"), told.get("total")


def _said_by(*command: str) -> str:
    """What a program of the system prints; nothing where it is not there, or does not answer."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
