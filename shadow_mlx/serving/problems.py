"""What is wrong with a request, as OpenAI's API says it: a status and one JSON object."""

from __future__ import annotations

from typing import Any

from shadow_mlx.errors import InputError


class RequestError(InputError):
    """A request that is not answered.

    Args:
        message: What is wrong, where, and what to do.
        status: HTTP's number.
        param: The field of the request.
        code: A word for programs.
        headers: What the reply has beside.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        """The reply."""
        error = {
            "message": str(self),
            "type": _KINDS.get(self.status, "invalid_request_error"),
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}


_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
    504: "timeout_error",
}


def failure(words: str = "the server failed on this request; its log says more") -> RequestError:
    """The reply where nothing is wrong with the request."""
    return RequestError(words, 500, code="internal_error")
