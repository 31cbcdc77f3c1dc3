"""One snapshot from the hub, fetched by a process of its own that can be ended at any moment.

huggingface_hub downloads in threads, which neither Ctrl-C nor a request to stop ends; a process is
ended by a signal. What it has fetched until then stays in the cache, and the next download goes
on from there. How far it is, is read off the cache's files, because the client's own progress
comes in other ways with every version and transport.
"""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from shadow_mlx import errors as ours
from shadow_mlx.errors import DataError, HubError, ModelError, ShadowMLXError

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
    command = [sys.executable, "-m", "shadow_mlx.fetching", name, kind, *patterns]
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
        raise HubError(f"{name}: could not be downloaded: {_last_line(said, process.returncode)}")


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


def _last_line(said: IO[bytes], code: int) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"the process that fetched it ended with code {code}"


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


def snapshot(name: str, kind: str, patterns: Sequence[str]) -> Path:
    """What :func:`fetch` does, in this process and without progress; the same errors."""
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(name, repo_type=kind, allow_patterns=list(patterns)))
    except errors.GatedRepoError:
        raise HubError(
            f"{name}: the {kind} is gated; accept its terms on https://huggingface.co/{name}, "
            "then log in with: hf auth login"
        ) from None
    except errors.RepositoryNotFoundError:
        wrong = ModelError if kind == "model" else DataError
        raise wrong(
            f"{name}: no such {kind} on the hub (or it is private: hf auth login)"
        ) from None
    except errors.LocalEntryNotFoundError as error:
        cause = error.__cause__
        offline = isinstance(cause, errors.OfflineModeIsEnabled)
        raise HubError(_unreachable(name, None if offline else cause or error)) from None
    except (http_error(), errors.HfHubHTTPError) as error:
        raise HubError(_broken_off(name, error)) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HubError(f"{name}: the disk is full; free some space, then try again") from None
        raise HubError(_broken_off(name, error)) from None


def _unreachable(name: str, cause: BaseException | None) -> str:
    why = "HF_HUB_OFFLINE is set" if cause is None else first_line(cause)
    return (
        f"{name}: not in the local hub cache, and the hub cannot be reached ({why}); "
        "check the connection, or give a local folder"
    )


def _broken_off(name: str, error: BaseException) -> str:
    return (
        f"{name}: the download broke off ({first_line(error)}); what is here is kept, and the "
        "next try goes on from there"
    )


def first_line(error: BaseException) -> str:
    """What an error says, short enough for one message."""
    text = str(error).strip().splitlines()
    return text[0].rstrip(".:") if text else type(error).__name__


def http_error() -> type[Exception]:
    """What the hub's http client raises; the client is httpx or httpx2, by the hub's version."""
    from huggingface_hub import errors

    error: type[Exception] = vars(errors)["HTTPError"]  # imported there, not declared as its own
    return error


def _sizes(name: str, kind: str, patterns: Sequence[str]) -> dict[str, Any] | None:
    """Where the blobs will lie and how large each is; ``None`` where the hub does not say."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import repo_folder_name

    ask = HfApi().model_info if kind == "model" else HfApi().dataset_info
    try:
        files = ask(name, files_metadata=True).siblings or []
    except (http_error(), HfHubHTTPError, OSError):
        return None  # the download itself says what is wrong
    sizes = {
        str(file.lfs.sha256 if file.lfs else file.blob_id): file.size or 0
        for file in files
        if any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in patterns)
    }
    blobs = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type=kind) / "blobs"
    return {"blobs": str(blobs), "sizes": sizes, "total": sum(sizes.values())}


def _end_with_the_asking_side() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Fetch what the arguments name; answers are JSON objects on stdout, one a line."""
    threading.Thread(target=_end_with_the_asking_side, daemon=True).start()
    name, kind, *patterns = sys.argv[1:]
    if sizes := _sizes(name, kind, patterns):
        print(json.dumps(sizes), flush=True)
    try:
        answer = {"folder": str(snapshot(name, kind, patterns))}
    except ShadowMLXError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), flush=True)
    os._exit(0)  # a thread may still wait for the hub, or sit in a read


if __name__ == "__main__":
    main()
