from __future__ import annotations

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.serving.problems import RequestError, failure


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (404, "invalid_request_error"), (429, "rate_limit_error"),
     (401, "authentication_error"), (500, "server_error"), (504, "timeout_error")],
)  # fmt: skip
def test_an_error_is_said_as_openai_says_it(status: int, kind: str) -> None:
    error = RequestError("too much: less", status, param="n", code="c")
    assert isinstance(error, InputError)
    expected = {"message": "too much: less", "type": kind, "param": "n", "code": "c"}
    assert error.body == {"error": expected}


def test_a_fault_of_ours_tells_nothing_of_its_insides() -> None:
    assert failure().status == 500
    assert "log" in str(failure())
