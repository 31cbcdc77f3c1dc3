"""What the hub says that a repository holds, checked: a proxy may have answered in its place."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shadow_mlx.errors import HubError
from shadow_mlx.hub.errors import UnexpectedAnswerError, endpoint, hub_errors, without_secrets

_COMMIT = re.compile(r"[0-9a-zA-Z][\w.-]*")
_KINDS = {dict: "an object", list: "a list", str: "a text", type(None): "nothing"}
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


T = TypeVar("T", dict[str, Any], list[Any])


@dataclass(frozen=True)
class RemoteFile:
    """One file: its size in bytes, and the digest that also names it in the cache.

    That is the SHA-256 of a large file, and git's id of a small one.
    """

    digest: str
    size: int


@dataclass(frozen=True)
class Listing:
    """The files of one commit by their names; those without a known digest are left out."""

    commit: str
    files: Mapping[str, RemoteFile]

    def matching(self, patterns: Sequence[str]) -> Listing:
        """Only the files whose names match one of ``patterns``."""
        return Listing(
            self.commit,
            {
                name: file
                for name, file in self.files.items()
                if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
            },
        )


def listing(name: str, kind: str, timeout: float | None = None) -> Listing:
    """Ask the hub for the files of a repository.

    Args:
        name: The id.
        kind: ``"model"`` or ``"dataset"``.
        timeout: Seconds to wait for an answer; by default what the hub's client waits.

    Raises:
        ModelError: There is no such model.
        DataError: There is no such dataset.
        HubError: The hub cannot be reached, refuses, or something else answers.
    """
    from huggingface_hub import constants

    check_endpoint(constants.ENDPOINT)
    with hub_errors(name, kind):
        return _read(said(f"{kind}s/{name}", {"blobs": "true"}, dict, timeout))


def said(path: str, params: Mapping[str, Any], kind: type[T], timeout: float | None = None) -> T:
    """What the hub's API says at ``path``, as JSON of this kind: an object or a list.

    The address is one that :func:`check_endpoint` has let pass.

    Raises:
        UnexpectedAnswerError: Something else answers.
        OSError: Or another error of the client's: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils._http import get_session, hf_raise_for_status

    response = get_session().get(
        f"{constants.ENDPOINT}/api/{path}",
        params=params,
        headers=request_headers(),
        timeout=timeout or constants.HF_HUB_ETAG_TIMEOUT,
        follow_redirects=True,
    )
    hf_raise_for_status(response)
    value = _json(response)
    if not isinstance(value, kind):
        found = _KINDS.get(type(value), "a number")
        expected = _KINDS[kind]
        raise UnexpectedAnswerError(f"{endpoint()} gave {found} where {expected} is expected")
    return value


def request_headers() -> dict[str, str]:
    """Headers of a request: who asks. The client's own way to make them asks the hub for more."""
    from huggingface_hub import get_token

    token = get_token()
    return {"user-agent": "shadow-mlx", **({"authorization": f"Bearer {token}"} if token else {})}


def check_endpoint(address: str) -> None:
    """The hub's client fails in many ways at an address that is none."""
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise HubError(
            f"HF_ENDPOINT: expected an address such as https://huggingface.co, found "
            f"{without_secrets(address)!r}"
        )


def _json(response: Any) -> Any:
    text = response.text
    try:
        return response.json()
    except (ValueError, RecursionError):
        if text.lstrip()[:1] == "<" or "html" in response.headers.get("Content-Type", ""):
            where = without_secrets(f"{response.url.scheme}://{response.url.host}")
            what = f"a web page came from {where} instead, perhaps the login page of a network"
        else:
            what = f"{endpoint()} gave an answer that is no whole JSON"
        raise UnexpectedAnswerError(what) from None


def _read(value: Mapping[str, Any]) -> Listing:
    commit, siblings = value.get("sha"), value.get("siblings") or []
    if not (isinstance(commit, str) and _COMMIT.fullmatch(commit)):
        raise UnexpectedAnswerError(f"{endpoint()} names no commit")
    if not (isinstance(siblings, list) and all(isinstance(entry, dict) for entry in siblings)):
        raise UnexpectedAnswerError(f"{endpoint()} names no files")
    files = {}
    for entry in siblings:
        lfs = entry.get("lfs")
        digest = lfs.get("sha256") if isinstance(lfs, dict) else entry.get("blobId")
        size, file = entry.get("size"), entry.get("rfilename")
        known = isinstance(digest, str) and _DIGEST.fullmatch(digest)
        if known and isinstance(file, str) and isinstance(size, int) and size >= 0:
            files[file] = RemoteFile(str(digest), size)
    return Listing(commit, files)
