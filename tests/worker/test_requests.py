"""Requests as they go over the wire."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import pytest

from shadow_mlx.worker import messages as m
from shadow_mlx.worker.requests import Request

OF_TYPE: dict[str, Any] = {
    "int": 3, "str": "a\nb\x1b", "bool": True, "dict": {"a": "b"}, "list": [{"role": "user"}],
}  # fmt: skip


def sample(hint: Any) -> Any:
    kinds = [k for k in typing.get_args(hint) if k is not type(None)] if "|" in str(hint) else []
    kind = kinds[0] if kinds else hint
    return OF_TYPE[(typing.get_origin(kind) or kind).__name__]


@pytest.mark.parametrize("kind", Request.__subclasses__(), ids=lambda kind: kind.__name__)
def test_each_request_comes_back_from_the_wire(kind: type[Request]) -> None:
    hints = typing.get_type_hints(kind)
    request = kind(**{one.name: sample(hints[one.name]) for one in dataclasses.fields(kind)})
    line = m.encode(request)
    assert line.count(b"\n") == 1
    assert m.decode(line) == request


def test_what_no_request_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="Export"):
        m.decode(b'{"type": "Export", "id": 1, "opinions": {}}')
    with pytest.raises(ValueError, match="not a message"):
        m.decode(b'{"type": "Request_", "id": 1}')
