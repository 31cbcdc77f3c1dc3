"""One snapshot from the hub, fetched by a process of its own that can be ended at any moment.

huggingface_hub downloads in threads, which neither Ctrl-C nor a request to stop ends; a process is
ended by a signal. What it has fetched until then stays in the cache, and the next download goes
on from there. How far it is, is read off the cache's files.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from shadow_mlx import errors as ours
from shadow_mlx.errors import HubError, ShadowMLXError
from shadow_mlx.hub.errors import without_secrets

OnBytes = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes that there will be."""

LOOK_SECONDS = 0.2
"""How often the cache's files are looked at."""

END_SECONDS = 5.0
"""How long the process has to end when it is asked to."""


def fetch(name: str, kind: str, patterns: Sequence[str], on_bytes: OnBytes) -> Path:
    """The folder of a snapshot whose files match ``patterns``.

    Args:
        name: The id on the hub.
        kind: ``"model"`` or ``"dataset"``.
        patterns: Which of its files, with wildcards.
        on_bytes: Told about progress, a few times a second.

    Raises:
        ModelError: There is no such model.
        DataError: There is no such dataset.
        HubError: The hub cannot be reached or refuses, or the disk is full.
    """
    asking = str(os.getpid())
    command = [sys.executable, "-m", "shadow_mlx.hub.snapshots", asking, name, kind, *patterns]
    environment = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # it ends when this end is closed, however we end
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
        )
        try:
            answer = _watch(process, on_bytes)
        finally:
            _end(process)
        if "folder" in answer:
            total = answer.get("total", 0)
            on_bytes(total, total)
            return Path(answer["folder"])
        if "error" in answer:
            kind_of_error: type[ShadowMLXError] = getattr(ours, answer["error"])
            raise kind_of_error(answer["message"])
        raise HubError(_ended(name, process.returncode, said))


def _watch(process: subprocess.Popen[bytes], on_bytes: OnBytes) -> dict[str, Any]:
    """Tell about progress until the process has said how it ended."""
    answers: dict[str, Any] = {}
    assert process.stdout is not None
    reader = threading.Thread(target=_read, args=(process.stdout, answers), daemon=True)
    reader.start()
    while reader.is_alive():
        reader.join(LOOK_SECONDS)
        if "sizes" in answers:
            on_bytes(bytes_here(Path(answers["blobs"]), answers["sizes"]), answers["total"])
    process.wait()
    return answers


def _read(answers: IO[bytes], known: dict[str, Any]) -> None:
    for line in answers:
        known.update(json.loads(line))


def _end(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ended(name: str, code: int, said: IO[bytes]) -> str:
    """For a process that ended without an answer: killed, or by a fault of its own."""
    if code < 0:
        with suppress(ValueError):
            return f"{name}: the download was ended by {signal.Signals(-code).name}; try again"
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    # A faulthandler's last line names no error.
    words = [line for line in lines if not line.lstrip().startswith("<")]
    why = without_secrets(words[-1].strip()) if words else f"its process ended with code {code}"
    return f"{name}: could not be downloaded: {why}"


def bytes_here(blobs: Path, sizes: Mapping[str, int]) -> int:
    """How many bytes of some blobs are in a cache's folder, complete or not.

    Args:
        blobs: The folder; it need not be there yet.
        sizes: Bytes of each blob when it is complete, by its file's name.
    """
    here = dict.fromkeys(sizes, 0)
    try:
        with os.scandir(blobs) as entries:
            for entry in entries:
                name = entry.name.partition(".")[0]  # a download at work is NAME.….incomplete
                if name in here:
                    stat = entry.stat()
                    written = min(stat.st_size, 512 * stat.st_blocks)  # a hole is not written yet
                    here[name] = max(here[name], sizes[name] if name == entry.name else written)
    except FileNotFoundError:
        pass
    return sum(min(size, sizes[name]) for name, size in here.items())
