"""What the two sides of the worker say to each other: frozen dataclasses, one a line of JSON.

The requests are those of :mod:`shadow_mlx.worker.requests`, the replies those of
:mod:`shadow_mlx.worker.replies`; here is the wire.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from shadow_mlx.worker.replies import (
    Answered,
    Checked,
    Compared,
    Done,
    Estimated,
    Exported,
    Failed,
    Imported,
    Loaded,
    Measured,
    Models,
    ModelView,
    Page,
    Pair,
    Piece,
    ProblemView,
    Progress,
    Published,
    RecordView,
    Reply,
    StepTried,
    Suggested,
    Tokens,
    TokenView,
)
from shadow_mlx.worker.requests import (
    Ask,
    Check,
    CompareFile,
    Download,
    Estimate,
    Export,
    Import,
    ListModels,
    Load,
    LookAt,
    Make,
    Measure,
    Push,
    ReadPage,
    RemoveModel,
    Request,
    SearchHub,
    ShowTokens,
    Stop,
    Suggest,
    TryStep,
)

__all__ = [
    "Answered",
    "Ask",
    "Check",
    "Checked",
    "CompareFile",
    "Compared",
    "Done",
    "Download",
    "Estimate",
    "Estimated",
    "Export",
    "Exported",
    "Failed",
    "Import",
    "Imported",
    "ListModels",
    "Load",
    "Loaded",
    "LookAt",
    "Make",
    "Measure",
    "Measured",
    "Message",
    "ModelView",
    "Models",
    "Page",
    "Pair",
    "Piece",
    "ProblemView",
    "Progress",
    "Published",
    "Push",
    "ReadPage",
    "RecordView",
    "RemoveModel",
    "Reply",
    "Request",
    "SearchHub",
    "ShowTokens",
    "StepTried",
    "Stop",
    "Suggest",
    "Suggested",
    "TokenView",
    "Tokens",
    "TryStep",
    "decode",
    "encode",
    "is_final",
]  # fmt: skip

Message = Request | Reply

_NESTED: dict[str, tuple[str, type[Any]]] = {
    "Page": ("records", RecordView),
    "Checked": ("problems", ProblemView),
    "Tokens": ("examples", TokenView),
    "Models": ("models", ModelView),
}
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for base in (Request, Reply) for kind in base.__subclasses__()
}


def encode(message: Message) -> bytes:
    """One line, its newline included. Lone surrogates are escaped, as JSON allows."""
    fields = dataclasses.asdict(message)
    return json.dumps({"type": type(message).__name__, **fields}).encode() + b"\n"


def decode(line: bytes | str) -> Message:
    """The message of one line.

    Raises:
        ValueError: When it is none.
    """
    raw = json.loads(line)
    if not isinstance(raw, dict) or raw.get("type") not in _KINDS:
        raise ValueError(f"not a message: {line[:200]!r}")
    name = raw.pop("type")
    if name in _NESTED:
        key, kind = _NESTED[name]
        raw[key] = [kind(**item) for item in raw[key]]
    try:
        return _KINDS[name](**raw)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None


def is_final(reply: Reply) -> bool:
    """Whether no further reply comes for this request."""
    return reply.finished if isinstance(reply, Checked | Estimated) else reply.final
