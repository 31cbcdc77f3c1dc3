"""A server that was started here, in words: where it listens, what it does, how it ended."""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from shadow_mlx import words
from shadow_mlx.config import API_KEY_VARIABLE, ServeConfig
from shadow_mlx.serving.reports import Figures, Listening
from shadow_mlx.words import counted
from tui.views.words import sparkline

Phase = Literal["off", "starting", "serving", "ending", "failed"]

KEPT = 41
"""Reports that are looked back at: the curve of the speed has a cell between each two."""

QUESTION = "Hello!"


@dataclass(frozen=True)
class ServerView:
    """What is known of the server.

    Attributes:
        phase: What it does: ``off`` before it was started and after it was stopped.
        options: With which it was started.
        listening: Where, once it answers.
        history: Its last reports, the newest at the end.
        problem: Why it ended that was not asked to.
    """

    phase: Phase = "off"
    options: ServeConfig | None = None
    listening: Listening | None = None
    history: tuple[Figures, ...] = ()
    problem: str = ""

    @property
    def up(self) -> bool:
        """Whether there is a process."""
        return self.phase in ("starting", "serving", "ending")

    @property
    def now(self) -> Figures:
        """The last report."""
        return self.history[-1] if self.history else Figures(0.0)

    @property
    def asked(self) -> int:
        """Answers that somebody waits for."""
        return self.now.running + self.now.waiting

    @property
    def url(self) -> str:
        """The address, as this machine's programs reach it."""
        return reachable(self.listening.url) if self.listening is not None else ""


def reachable(url: str) -> str:
    """An address to go to: one that means all of this machine's is none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        everywhere = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    if not everywhere:
        return url
    name = "[::1]" if ":" in host else "127.0.0.1"
    return f"{parts.scheme}://{name}:{parts.port}{parts.path}"


def for_others(view: ServerView) -> bool:
    """Whether other machines reach it, too."""
    return view.options is not None and not view.options.is_local


def speeds(history: Sequence[Figures]) -> list[float]:
    """Tokens written a second, between each two reports."""
    pairs = itertools.pairwise(history)
    return [
        (after.written - before.written) / (after.seconds - before.seconds)
        for before, after in pairs
        if after.seconds > before.seconds
    ]


def headline(view: ServerView, said: str = "") -> str:
    """What it does, and which key ends it.

    Args:
        view: The server.
        said: The last line of its log: before it answers, nothing else tells how far it is.
    """
    if view.phase == "starting":
        return f"… starting (x stops){f' · {said}' if said else ''}"
    if view.phase == "ending":
        left = f" {counted(view.asked, 'answer')} to go." if view.asked else ""
        return f"■ ending: what was asked is answered.{left} x once more ends it at once"
    since = words.clock(view.now.seconds)
    beside = "other machines reach it, too" if for_others(view) else "for this machine alone"
    return f"▶ serving for {since} · {beside} · x stops it"


def figures(view: ServerView) -> list[tuple[str, str]]:
    """What it has counted, each line with its title."""
    now = view.now
    lines = [
        ("requests", _requests(now)),
        ("answers", f"{now.running:,} running · {now.waiting:,} waiting"),
        ("tokens", _tokens(view)),
    ]
    if now.drafted:
        share = now.accepted / now.drafted
        lines.append(("drafts", f"{now.accepted:,} of {now.drafted:,} tokens taken ({share:.0%})"))
    loaded = counted(now.adapters, "adapter")
    return [*lines, ("memory", f"{words.size(now.memory)} · {loaded} loaded")]


def _requests(now: Figures) -> str:
    parts = [f"{now.requests:,} answered", counted(now.refused, "error")]
    if now.gone:
        parts.append(f"{counted(now.gone, 'client')} went away")
    return " · ".join(parts)


def _tokens(view: ServerView) -> str:
    now, fast = view.now, speeds(view.history)
    parts = [f"{now.read:,} read" + (f" ({now.cached:,} from the cache)" if now.cached else "")]
    parts.append(f"{now.written:,} written")
    parts.append(f"{fast[-1] if fast else 0:,.0f}/s")
    curve = sparkline(fast, KEPT) if any(fast) else ""
    return " · ".join(parts) + (f"  {curve}" if curve else "")


def example(view: ServerView) -> str:
    """A question to it, for a shell."""
    if view.listening is None or not view.listening.models:
        return ""
    message = {"role": "user", "content": QUESTION}
    body = json.dumps({"model": view.listening.models[0], "messages": [message]})
    parts = ["curl", f"{view.url}/chat/completions", "-H", "Content-Type: application/json"]
    return f"{shlex.join(parts)}{_key(view)} -d {shlex.quote(body)}"


def _key(view: ServerView) -> str:
    """The key, from where the server has it: itself it is not shown."""
    options = view.options
    if options is None:
        return ""
    if options.api_key_file is not None:
        return f' -H "Authorization: Bearer $(cat {shlex.quote(options.api_key_file)})"'
    named = API_KEY_VARIABLE in os.environ  # the server has inherited it
    return f' -H "Authorization: Bearer ${API_KEY_VARIABLE}"' if named else ""


def ended(view: ServerView) -> tuple[str, ...]:
    """How it ended: the first line as the head."""
    if view.phase == "failed":
        first, *rest = view.problem.splitlines() or ["it cannot be told why"]
        return (f"✘ {first}", *rest)
    if view.listening is None:
        return ("■ stopped before it answered",)
    now = view.now
    took = f"after {words.duration(now.seconds)}: {counted(now.requests, 'request')}"
    return (f"■ stopped {took}, {counted(now.written, 'token')} written",)


def marks(view: ServerView) -> tuple[str, ...]:
    """What says on every page that it runs, the longest first."""
    if not view.up:
        return ()
    if view.phase != "serving":
        verb = "starts" if view.phase == "starting" else "ends"
        return (f"… the server {verb}", "… serve")
    address = urlsplit(view.url)
    busy = f" · {counted(view.asked, 'answer')}" if view.asked else ""
    return (
        f"▶ serving at {address.netloc}{busy}",
        f"▶ serving at {address.netloc}",
        f"▶ serving :{address.port}",
        f"▶ :{address.port}",
        f"▶:{address.port}",
    )


def at_work(view: ServerView) -> str:
    """What leaving the program ends; ``""`` where that is nothing."""
    if not view.up:
        return ""
    where = f" at {view.url}" if view.url else ""
    asked = f", with {counted(view.asked, 'answer')} on the way" if view.asked else ""
    return f"The server{where} is at work{asked}; it ends with this program."
