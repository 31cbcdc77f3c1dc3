"""What goes wrong between here and the hub, in words that say what to do.

The hub's client tells of it in classes and status numbers, in two languages (its own and its http
library's); a login page or a proxy in between answers with something else altogether.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shadow_mlx.errors import DataError, HubError, ModelError, ShadowMLXError

_LOGIN = re.compile(r"(?<=//)[^/@\s]*@")
_TOKEN = re.compile(r"\bhf_\w{8,}")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class UnexpectedAnswerError(Exception):
    """What answered is no hub: a login page, a proxy's own words, a broken transfer."""


def without_secrets(text: str) -> str:
    """``text`` without a name and password in an address, and without access tokens."""
    return _TOKEN.sub("hf_…", _LOGIN.sub("", text))


def endpoint() -> str:
    """The hub's address, as it may be shown."""
    from huggingface_hub import constants

    return without_secrets(constants.ENDPOINT)


def http_error() -> type[Exception]:
    """What the hub's http client raises; the client is httpx or httpx2, by the hub's version."""
    from huggingface_hub import errors

    error: type[Exception] = vars(errors)["HTTPError"]  # imported there, not declared as its own
    return error


@contextmanager
def hub_errors(name: str, kind: str, *, begun: bool = False) -> Iterator[None]:
    """Turn what the hub's client raises into one message.

    Args:
        name: The id that is asked for.
        kind: ``"model"`` or ``"dataset"``.
        begun: Whether files are on their way already, so that the next try goes on from there.

    Raises:
        ModelError: There is no such model.
        DataError: There is no such dataset.
        HubError: Anything else; always with what to do.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalEntryNotFoundError as error:
        raise _worded(name, kind, error.__cause__ or error, begun=False) from None
    except (http_error(), errors.HfHubHTTPError, UnexpectedAnswerError, OSError) as error:
        raise _worded(name, kind, error, begun=begun) from None
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
    ) as error:  # of the client's own reading
        answer = UnexpectedAnswerError(f"{endpoint()} gave an answer that no hub gives")
        raise _worded(name, kind, answer, begun=begun) from error


def _worded(name: str, kind: str, error: BaseException, *, begun: bool) -> ShadowMLXError:
    response = getattr(error, "response", None)
    if response is not None and (refusal := _refusal(name, kind, response)) is not None:
        return refusal
    if isinstance(error, OSError) and error.errno in _FULL:
        return HubError(f"{name}: the disk is full; free some space, then try again")
    why = reason(error)
    if begun:
        return HubError(
            f"{name}: the download broke off ({why}); what is here is kept, and the next try goes "
            "on from there"
        )
    if isinstance(error, UnexpectedAnswerError):
        return HubError(
            f"{name}: not in the local hub cache, and the hub does not answer: {why}; check the "
            "network's login, a proxy and HF_ENDPOINT, or give a local folder"
        )
    return HubError(
        f"{name}: not in the local hub cache, and the hub cannot be reached ({why}); "
        "check the connection, or give a local folder"
    )


def _refusal(name: str, kind: str, response: Any) -> ShadowMLXError | None:
    """The error for an answer that says no; ``None`` for one that may be yes another time."""
    status, code = response.status_code, response.headers.get("X-Error-Code")
    said = _said(response)
    if code == "GatedRepo":
        if status == 401 and not _has_token():
            way = "then log in with: hf auth login"
        else:
            way = "then log in with that account: hf auth login"
        return HubError(
            f"{name}: the {kind} is gated; accept its terms on {endpoint()}/{name}, {way}"
        )
    if status == 401 and _has_token():
        return HubError(
            f"{name}: the hub does not take your access token{said}: it is expired, revoked or "
            "mistyped. Make a new one on the hub's settings page and log in with: hf auth login "
            "(or unset HF_TOKEN to go on without one)"
        )
    if code == "RepoNotFound" or status in (401, 404):
        message = f"{name}: no such {kind} on the hub (or it is private: hf auth login)"
        return ModelError(message) if kind == "model" else DataError(message)
    if status in (403, 451):
        token = "your access token may not read it" if _has_token() else "it needs a login"
        return HubError(
            f"{name}: the hub refuses the {kind}{said}: {token}, or it is closed; look at "
            f"{endpoint()}/{name}, then log in with: hf auth login"
        )
    return None


def reason(error: BaseException) -> str:
    """Why a request failed, in a few words without names of classes."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    response = getattr(error, "response", None)
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set"
    if response is not None:
        return _status_in_words(response)
    if isinstance(error, UnexpectedAnswerError):
        return without_secrets(str(error))
    name, text = type(error).__name__, _first_line(error)
    if "CERTIFICATE" in text or "SSL" in text:
        return (
            f"{endpoint()} has a certificate that is not trusted here; behind a company's proxy, "
            "name its certificate in SSL_CERT_FILE"
        )
    if "Timeout" in name:
        return f"{endpoint()} did not answer in time"
    if "Redirects" in name:
        return f"{endpoint()} sends on in a circle"
    if name == "ProxyError":
        return f"the proxy fails: {text}"
    if not text or text == name:
        return f"the connection to {endpoint()} failed"
    return text


def _status_in_words(response: Any) -> str:
    status = response.status_code
    said = _said(response)
    if status == 429:
        wait = response.headers.get("Retry-After", "")
        when = f"in {wait} seconds" if wait.isdigit() else "in a few minutes"
        return f"too many requests; try again {when}, or log in for more: hf auth login"
    if status >= 500:
        return f"the hub itself has a fault now{said or f' ({status})'}; try again later"
    return f"{endpoint()} answers {status}{said}"


def _said(response: Any) -> str:
    """What the hub itself says, in brackets."""
    text = response.headers.get("X-Error-Message") or ""
    text = without_secrets(" ".join(text.split()))[:200]
    return f" ({text})" if text else ""


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def _first_line(error: BaseException) -> str:
    strerror = getattr(error, "strerror", None)
    text = str(strerror or error).strip().splitlines()
    return without_secrets(text[0].rstrip(".:")) if text else ""
