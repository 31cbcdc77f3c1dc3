"""What the worker is asked; :mod:`shadow_mlx.worker.messages` has the replies and the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# ``columns`` of the requests below: fields of ``config.ColumnConfig``, where they are named.


@dataclass(frozen=True)
class Request:
    """Base of the requests. ``id`` is chosen by the asking side."""

    id: int


@dataclass(frozen=True)
class Load(Request):
    """Load a backbone, and the adapter's shadow where ``adapter`` names a folder."""

    model: str | None = None
    adapter: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True)
class Ask(Request):
    """Answer a conversation in one mode. ``options`` holds fields of ``AnswerConfig``."""

    mode: str
    messages: list[dict[str, str]]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Suggest(Request):
    """First questions of the validation examples of an adapter's run; at most ``count``."""

    adapter: str
    count: int


@dataclass(frozen=True)
class Stop(Request):
    """End the request ``target`` early; what there is of it is kept."""

    target: int


@dataclass(frozen=True)
class ReadPage(Request):
    """Some records of a data file, from record ``start`` (from 0)."""

    path: str
    start: int
    count: int
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check(Request):
    """Validate every line of a data file, in the background.

    ``beside`` are all files of its data set: what they have in common is told, too.
    """

    path: str
    columns: dict[str, str] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LookAt(Request):
    """The columns of a file that can be converted. ``options`` holds fields of ``ConvertConfig``.

    The reply is a page without records.
    """

    path: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Make(Request):
    """Write a file made of another one.

    ``action`` is convert, split, sample or shuffle, and ``options`` holds fields of its group. The
    text of the last reply is the path of what was written.
    """

    action: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShowTokens(Request):
    """Tokenise some records and tell which tokens are trained.

    ``options`` holds fields of ``EncodingConfig``.
    """

    path: str
    start: int
    count: int
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measure(Request):
    """Tokenise a whole file (at most ``limit`` records): histogram and shares.

    ``options`` holds fields of ``EncodingConfig``.
    """

    path: str
    options: dict[str, Any] = field(default_factory=dict)
    limit: int = 20_000


@dataclass(frozen=True)
class CompareFile(Request):
    """Measure adapters on a test file. ``options`` holds fields of ``CompareConfig``."""

    options: dict[str, Any]


@dataclass(frozen=True)
class Estimate(Request):
    """How much memory a run takes. ``config`` holds fields of ``TrainConfig``."""

    config: dict[str, Any]


@dataclass(frozen=True)
class TryStep(Request):
    """How long a step of a run takes here. ``config`` holds fields of ``TrainConfig``."""

    config: dict[str, Any]


@dataclass(frozen=True)
class ListModels(Request):
    """The models that this machine has."""


@dataclass(frozen=True)
class SearchHub(Request):
    """Models of the hub by words in their names; the reply is a ``Models`` of what it offers."""

    words: str


@dataclass(frozen=True)
class RemoveModel(Request):
    """Remove a model from the hub's cache; the text of the reply is how much room that makes."""

    name: str


@dataclass(frozen=True)
class Download(Request):
    """Fetch a model from the hub."""

    name: str


@dataclass(frozen=True)
class Export(Request):
    """Write an adapter's model as a folder. ``options`` holds fields of ``ExportConfig``."""

    options: dict[str, Any]


@dataclass(frozen=True)
class Import(Request):
    """Write another program's adapter as ours. ``options`` holds fields of ``ImportConfig``."""

    options: dict[str, Any]


@dataclass(frozen=True)
class Push(Request):
    """Upload a folder, or say what would be. ``options`` holds fields of ``PushConfig``."""

    options: dict[str, Any]
