"""What a server tells the program that started it: lines of JSON, and nothing of what was said."""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from shadow_mlx.files.declared import build

if TYPE_CHECKING:
    from shadow_mlx.serving.http import Server

REPORT_SECONDS = 1.0
"""Between two reports."""


@dataclass(frozen=True)
class Listening:
    """It answers from now on.

    Attributes:
        url: Where clients find the API.
        models: The names that a request can ask for.
    """

    url: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """What it has counted by now.

    Attributes:
        seconds: Since it began to answer.
        requests: That have their reply, or whose client is gone.
        refused: Those of them whose reply was an error.
        gone: Those of them whose client went away before the end.
        running: Answers that are computed.
        waiting: Answers that wait for their turn.
        read: Tokens of prompts.
        cached: Those of them that were not computed again.
        written: Tokens of answers.
        drafted: Tokens that a shadow proposed.
        accepted: Those of them that were taken.
        adapters: In memory.
        memory: Bytes that MLX holds.
    """

    seconds: float
    requests: int = 0
    refused: int = 0
    gone: int = 0
    running: int = 0
    waiting: int = 0
    read: int = 0
    cached: int = 0
    written: int = 0
    drafted: int = 0
    accepted: int = 0
    adapters: int = 0
    memory: int = 0


Report = Listening | Figures
_KINDS: dict[str, type[Listening | Figures]] = {
    kind.__name__.lower(): kind for kind in (Listening, Figures)
}


def to_json(report: Report) -> str:
    """One line of ASCII, with the kind under ``event``: no locale has trouble with it."""
    fields = dataclasses.asdict(report)
    return json.dumps({"event": type(report).__name__.lower(), **fields}, allow_nan=False)


def from_json(line: str | bytes) -> Report:
    """The report of a line.

    Raises:
        ValueError: It is none.
    """
    raw = json.loads(line)
    kind = _KINDS.get(str(raw.get("event"))) if isinstance(raw, dict) else None
    if kind is None:
        raise ValueError(f"not a report: {line[:200]!r}")
    return build(kind, raw)


class Reporter:
    """Writes the reports of one server.

    Args:
        server: That it is about; it answers by now.
        stream: Where they go. When nobody reads there any more, writing raises, as it should:
            whoever started the server is gone.
    """

    def __init__(self, server: Server, stream: TextIO) -> None:
        self._server, self._stream = server, stream
        self._began = self._last = time.monotonic()
        service = server.service
        self._write(Listening(server.url, tuple(service.catalogue.names)))
        self._write(self.figures())

    def look(self) -> None:
        """Write the figures, if the last are old enough."""
        if time.monotonic() - self._last >= REPORT_SECONDS:
            self._last = time.monotonic()
            self._write(self.figures())

    def figures(self) -> Figures:
        """As they are now."""
        service = self._server.service
        count, now = service.metrics.value, service.scheduler.gauges
        return Figures(
            seconds=round(time.monotonic() - self._began, 3),
            requests=count("requests_total"),
            refused=count("requests_total", 'status="4', 'status="5'),
            gone=count("disconnects_total"),
            running=int(now["answers_running"]),
            waiting=int(now["answers_waiting"]),
            read=count("prompt_tokens_total"),
            cached=count("cached_tokens_total"),
            written=count("generated_tokens_total"),
            drafted=count("drafted_tokens_total"),
            accepted=count("accepted_tokens_total"),
            adapters=int(now["adapters_loaded"]),
            memory=int(now["memory_bytes"]),
        )

    def _write(self, report: Report) -> None:
        print(to_json(report), file=self._stream, flush=True)
