"""Files of a folder to a repository on the hub, in one commit: all of them appear, or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from shadow_mlx.errors import HubError, InputError
from shadow_mlx.hub.errors import endpoint, http_error, reason, without_secrets


def upload(folder: Path, names: Sequence[str], repo: str, *, private: bool, message: str) -> str:
    """Upload files to a model repository, which is made if there is none.

    Args:
        folder: Where the files lie.
        names: Their names.
        repo: ``owner/name``.
        private: Whether a new repository is private; one that is there stays as it is.
        message: Of the commit.

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
        client.create_commit(repo, files, commit_message=message)
    return f"{endpoint()}/{repo}"


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
