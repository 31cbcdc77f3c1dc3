"""The process behind :mod:`shadow_mlx.fetching`: one snapshot into the local hub cache.

It says on stdout, one JSON object a line, what there is to fetch and how it ended. What goes wrong
is one of this project's errors.
"""

from __future__ import annotations

import errno
import fcntl
import fnmatch
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shadow_mlx.errors import DataError, HubError, ModelError, ShadowMLXError

LARGE = 10 << 20
"""Bytes from which on a file is fetched so that it can be gone on with."""

CHUNK = 1 << 20
"""Bytes of a large file that are written at once, and at most lost by a stop."""


def snapshot(name: str, kind: str, patterns: Sequence[str]) -> Path:
    """What :func:`fetch` does, in this process and without progress; the same errors."""
    from huggingface_hub import snapshot_download

    with _hub_errors(name, kind):
        return Path(snapshot_download(name, repo_type=kind, allow_patterns=list(patterns)))


@contextmanager
def _hub_errors(name: str, kind: str) -> Iterator[None]:
    """Turn what the hub's client raises into one message."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise HubError(
            f"{name}: the {kind} is gated; accept its terms on https://huggingface.co/{name}, "
            "then log in with: hf auth login"
        ) from None
    except errors.RepositoryNotFoundError:
        message = f"{name}: no such {kind} on the hub (or it is private: hf auth login)"
        raise (ModelError if kind == "model" else DataError)(message) from None
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


@dataclass(frozen=True)
class _Listing:
    """What the hub has of a repository. ``files`` gives blob and bytes of each file by its name."""

    commit: str
    blobs: Path
    files: Mapping[str, tuple[str, int]]

    def to_json(self) -> str:
        """As the asking side wants it."""
        sizes = dict(self.files.values())
        return json.dumps({"blobs": str(self.blobs), "sizes": sizes, "total": sum(sizes.values())})


def _list(name: str, kind: str, patterns: Sequence[str]) -> _Listing | None:
    """The files that are wanted; ``None`` where the hub does not say."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import repo_folder_name

    ask = HfApi().model_info if kind == "model" else HfApi().dataset_info
    try:
        info = ask(name, files_metadata=True)
    except (http_error(), HfHubHTTPError, OSError):
        return None  # the download itself says what is wrong
    files = {
        file.rfilename: (str(file.lfs.sha256 if file.lfs else file.blob_id), file.size or 0)
        for file in info.siblings or []
        if any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in patterns)
    }
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type=kind)
    return _Listing(str(info.sha), folder / "blobs", files)


def _fetch_large(name: str, kind: str, listing: _Listing) -> None:
    """Put the large files into the cache, each from where an earlier download broke off.

    The client itself begins a file again from its start.
    """
    from huggingface_hub import constants, hf_hub_url

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    for file, (blob, size) in listing.files.items():
        if size >= LARGE and not (listing.blobs / blob).exists():
            url = hf_hub_url(name, file, repo_type=kind, revision=listing.commit)
            with _hub_errors(name, kind):
                _resume(url, listing.blobs / blob, size)


def _resume(url: str, blob: Path, size: int) -> None:
    """Fetch the rest of one file; one process at a time, the others wait for it."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}.part")
    with part.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if blob.exists():
            return
        http_get(
            url,
            file,
            resume_size=file.tell(),
            headers=build_hf_headers(),
            expected_size=size,
        )
        part.rename(blob)


def _end_with_the_asking_side() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Fetch what the arguments name; answers are JSON objects on stdout, one a line."""
    threading.Thread(target=_end_with_the_asking_side, daemon=True).start()
    name, kind, *patterns = sys.argv[1:]
    try:
        if listing := _list(name, kind, patterns):
            print(listing.to_json(), flush=True)
            _fetch_large(name, kind, listing)
        answer = {"folder": str(snapshot(name, kind, patterns))}
    except ShadowMLXError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), flush=True)
    os._exit(0)  # a thread may still wait for the hub, or sit in a read


if __name__ == "__main__":
    main()
