"""Files of a folder to a repository on the hub, in one commit: all of them appear, or none."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_mlx import words
from shadow_mlx.errors import HubError, InputError
from shadow_mlx.hub.errors import endpoint, http_error, reason, without_secrets

TOLD_SECONDS = 0.1
"""Time between two words about a file that is being sent."""


@dataclass(frozen=True)
class Sent:
    """How far an upload is.

    Attributes:
        file: Number of the file that is sent now, from 1.
        files: How many there are.
        bytes: Of all files, what is sent or known to be there.
        total: Bytes of all files.
    """

    file: int
    files: int
    bytes: int
    total: int

    def __str__(self) -> str:
        done, total = words.file_size(self.bytes), words.file_size(self.total)
        return f"file {self.file} of {self.files}, {done} of {total}"


def upload(
    folder: Path,
    names: Sequence[str],
    repo: str,
    *,
    private: bool,
    message: str,
    on_sent: Callable[[Sent], None] = lambda sent: None,
) -> str:
    """Upload files to a model repository, which is made if there is none.

    Large files are sent one after the other; then all that is small goes with the commit.

    Args:
        folder: Where the files lie.
        names: Their names.
        repo: ``owner/name``.
        private: Whether a new repository is private; one that is there stays as it is.
        message: Of the commit.
        on_sent: Told of each file, and while a large one is sent.

    Returns:
        The address of the repository.

    Raises:
        InputError: It is no name of a repository.
        HubError: The hub cannot be reached, or refuses; says what to do.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    check_repository(repo)
    with _upload_errors(repo):
        client = HfApi()
        client.create_repo(repo, private=private, exist_ok=True)
        files = [CommitOperationAdd(name, str(folder / name)) for name in names]
        sizes = [(folder / name).stat().st_size for name in names]
        for i, file in enumerate(files):
            before, whole = sum(sizes[:i]), sum(sizes)

            def told(count: int, i: int = i, before: int = before, whole: int = whole) -> None:
                on_sent(Sent(i + 1, len(files), before + min(count, sizes[i]), whole))

            told(0)
            with _counted(told):
                client.preupload_lfs_files(repo, [file], free_memory=False)
        on_sent(Sent(len(files), len(files), sum(sizes), sum(sizes)))
        client.create_commit(repo, files, commit_message=message)
    return f"{endpoint()}/{repo}"


@contextmanager
def _counted(told: Callable[[int], None]) -> Iterator[None]:
    """Tell how many bytes of a file the hub's client has sent, instead of its drawing bars.

    The bars are the only place where it says so, for both of its ways to send. Of several bars over
    the same bytes the one that is ahead counts: it knows what the hub has already.
    """
    from huggingface_hub.utils.tqdm import tqdm

    counts: dict[int, int] = {}
    unseen = io.StringIO()
    begin: Callable[..., None] = tqdm.__init__
    advance: Callable[..., bool | None] = tqdm.update
    latest = time.monotonic()

    def draw_nowhere(bar: Any, *args: Any, **settings: Any) -> None:
        begin(bar, *args, **{**settings, "file": unseen})

    def count(bar: Any, more: float | None = 1) -> bool | None:
        nonlocal latest
        counts[id(bar)] = counts.get(id(bar), 0) + int(more or 0)
        if time.monotonic() - latest >= TOLD_SECONDS:
            latest = time.monotonic()
            told(max(counts.values()))
        return advance(bar, more)

    own = {name: vars(tqdm).get(name) for name in ("__init__", "update")}
    for name, function in {"__init__": draw_nowhere, "update": count}.items():
        setattr(tqdm, name, function)
    try:
        yield
    finally:
        for name, former in own.items():
            if former is None:
                delattr(tqdm, name)
            else:
                setattr(tqdm, name, former)


def check_repository(repo: str) -> None:
    """Refuse what is no ``owner/name``.

    Raises:
        InputError: It is none.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo)
    except HFValidationError:
        valid = False
    else:
        valid = repo.count("/") == 1
    if not valid:
        raise InputError(f"--repo {repo}: expected OWNER/NAME, as in somebody/robot")


@contextmanager
def _upload_errors(repo: str) -> Iterator[None]:
    """Turn what the hub's client raises into one message that says what to do."""
    from huggingface_hub import errors, get_token

    try:
        yield
    except (http_error(), errors.HfHubHTTPError, OSError, ValueError) as error:
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        said = without_secrets(str(getattr(error, "server_message", None) or "")).strip()
        why = f" ({said})" if said else ""
        if status == 401 or (status == 403 and get_token() is None):
            text = "uploading needs a login with an access token that may write: hf auth login"
        elif status == 403:
            text = f"your access token may not write there{why}: hf auth login with one that may"
        elif status == 404:
            text = f"the hub knows no such owner{why}"
        elif response is None:
            text = f"the hub cannot be reached ({reason(error)}); check the connection"
        else:
            text = f"could not be uploaded: {reason(error)}"
        raise HubError(f"{repo}: {text}. Nothing of it was published") from None
