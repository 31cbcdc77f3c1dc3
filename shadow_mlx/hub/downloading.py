"""One file of the hub into the local cache: gone on with where it broke off, and checked.

A file appears under its final name only when its size and its digest are what the hub lists.
"""

from __future__ import annotations

import fcntl
import hashlib
from io import FileIO
from pathlib import Path

from shadow_mlx.hub.errors import UnexpectedAnswerError
from shadow_mlx.hub.listing import RemoteFile, request_headers

CHUNK = 1 << 20
"""Bytes that are written at once, and at most lost by a stop."""

_RANGE_NOT_THERE = 416


def fetch_file(url: str, blob: Path, wanted: RemoteFile) -> None:
    """Fetch the rest of one file; one process at a time, the others wait for it.

    What an earlier download left is gone on with. Where the result is not the file that the hub
    lists, it is thrown away and begun anew, once.

    Args:
        url: Where the hub has it.
        blob: Its place in the cache; an unfinished download lies beside it.
        wanted: Its size and digest.

    Raises:
        UnexpectedAnswerError: What comes is another file than the hub lists.
        OSError: The disk refuses.
        Exception: The http client's errors.
    """
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{blob.name}.part")
    with part.open("ab+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_whole(blob, wanted):  # another process fetched it meanwhile
            part.unlink(missing_ok=True)
            return
        for _ in range(2):
            if file.seek(0, 2) > wanted.size:
                file.truncate(0)
            if _filled(url, file, wanted) and _digest_is(file, wanted):
                part.replace(blob)
                return
            file.truncate(0)
    raise UnexpectedAnswerError(
        f"what came of {url.rpartition('/')[2]} is not the file that the hub lists (its size or "
        "its digest differs) and was thrown away"
    )


def is_whole(blob: Path, wanted: RemoteFile) -> bool:
    """Whether a file of the cache is there in its full length; it was checked when it was made."""
    try:
        return blob.stat().st_size == wanted.size
    except FileNotFoundError:
        return False


def _filled(url: str, file: FileIO, wanted: RemoteFile) -> bool:
    """Fetch what is missing; False where what came cannot be the rest of the file."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    here = file.seek(0, 2)
    if here == wanted.size:
        return True
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    try:
        http_get(url, file, resume_size=here, headers=request_headers(), expected_size=wanted.size)
    except HfHubHTTPError as error:
        if error.response.status_code != _RANGE_NOT_THERE:
            raise
        return False
    except OSError as error:
        if "Consistency check" not in str(error):  # the client's word for another length
            raise
        return False
    return file.seek(0, 2) == wanted.size


def _digest_is(file: FileIO, wanted: RemoteFile) -> bool:
    file.seek(0)
    if len(wanted.digest) == 64:
        return hashlib.file_digest(file, "sha256").hexdigest() == wanted.digest
    # Git's id of a small file. A mirror that is no git names it by the content's SHA-1 alone.
    content = file.read()
    named = (b"blob %d\0" % len(content) + content, content)
    return wanted.digest in [hashlib.sha1(text).hexdigest() for text in named]
