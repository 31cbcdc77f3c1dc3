"""The process behind :mod:`shadow_mlx.hub.fetching`: one snapshot into the local hub cache.

It says on stdout, one JSON object a line, what there is to fetch and how it ended. What goes wrong
is one of this project's errors.
"""

from __future__ import annotations

import json
import os
import select
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from shadow_mlx.errors import ShadowMLXError
from shadow_mlx.hub.downloading import fetch_file, is_whole
from shadow_mlx.hub.errors import hub_errors
from shadow_mlx.hub.listing import Listing, listing

PARENT_SECONDS = 0.5
"""How often it is looked whether the asking process is still there."""


def snapshot(name: str, kind: str, patterns: Sequence[str]) -> Path:
    """What :func:`shadow_mlx.hub.fetching.fetch` does, in this process and without progress.

    Raises:
        ShadowMLXError: See there.
    """
    from huggingface_hub import snapshot_download

    with hub_errors(name, kind, begun=True):
        return Path(snapshot_download(name, repo_type=kind, allow_patterns=list(patterns)))


def _announce(found: Listing, blobs: Path) -> None:
    """Tell the asking side what there will be."""
    sizes = {file.digest: file.size for file in found.files.values()}
    answer = {"blobs": str(blobs), "sizes": sizes, "total": sum(sizes.values())}
    print(json.dumps(answer), flush=True)


def _fetch_files(name: str, kind: str, found: Listing, blobs: Path) -> None:
    """Put the files into the cache, each from where an earlier download broke off.

    The hub's client itself begins a file again from its start, and looks at its length alone.
    """
    from huggingface_hub import constants, hf_hub_url

    for file, wanted in found.files.items():
        blob = blobs / wanted.digest
        if is_whole(blob, wanted) or wanted.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
            continue
        url = hf_hub_url(name, file, repo_type=kind, revision=found.commit)
        with hub_errors(name, kind, begun=True):
            fetch_file(url, blob, wanted)


def _blobs(name: str, kind: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=name, repo_type=kind)
    return Path(constants.HF_HUB_CACHE) / folder / "blobs"


def _end_with_the_asking_side(parent: int) -> None:
    """End when the asking side closes its pipe, or is gone while somebody else holds the pipe."""
    while os.getppid() == parent:
        ready, _, _ = select.select([sys.stdin], [], [], PARENT_SECONDS)
        if ready and not os.read(sys.stdin.fileno(), 4096):
            break
    os._exit(1)


def main() -> None:
    """Fetch what the arguments name; answers are JSON objects on stdout, one a line."""
    parent, name, kind, *patterns = sys.argv[1:]
    threading.Thread(target=_end_with_the_asking_side, args=(int(parent),), daemon=True).start()
    try:
        found, blobs = listing(name, kind).matching(patterns), _blobs(name, kind)
        _announce(found, blobs)
        _fetch_files(name, kind, found, blobs)
        answer = {"folder": str(snapshot(name, kind, patterns))}
    except ShadowMLXError as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), flush=True)
    os._exit(0)  # a thread may still wait for the hub, or sit in a read


if __name__ == "__main__":
    main()
