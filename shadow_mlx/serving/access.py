"""The server's log: a line for each request, without what was asked and answered."""

from __future__ import annotations

import json
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from shadow_mlx.serving.writing import Ended, Written
from shadow_mlx.terminal import visible

if TYPE_CHECKING:
    from shadow_mlx.serving.service import Answers


@dataclass(eq=False)
class Entry:
    """What is noted of one request while it is answered."""

    method: str
    path: str
    status: int = 0
    model: str | None = None
    problem: str | None = None
    gone: bool = False
    contents: str = ""
    said: list[str] = field(default_factory=list)
    prompt: int = 0
    cached: int = 0
    written: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it came."""
        return time.monotonic() - self.began

    def asked(self, answers: Answers) -> None:
        """Note what was asked for."""
        self.model = answers.asked.model
        self.contents = "\n".join(map(str, answers.asked.prompts))

    def told(self, event: Written) -> None:
        """Note what was told."""
        self.said += [text for _, text in event.pieces]
        if isinstance(event, Ended):
            self.prompt += event.counts.prompt
            self.cached += event.counts.cached
            self.written += event.counts.written


class AccessLog:
    """Writes a line for each request.

    Args:
        contents: Whether what is asked and answered is written, too.
        stream: Where to; by default stderr.
    """

    def __init__(self, contents: bool = False, stream: TextIO | None = None) -> None:
        self._contents = contents
        self._stream = stream

    def note(self, entry: Entry) -> None:
        """Write a request's line, once it is answered."""
        words = [entry.method, entry.path[:100], str(entry.status or "-")]
        if entry.model is not None:
            tokens = f"{entry.prompt}+{entry.written} tokens ({entry.cached} cached)"
            words += [entry.model[:100], tokens]
        words.append(f"{entry.seconds:.3f} s")
        if entry.gone:
            words.append("client gone")
        if self._contents and entry.problem is not None:
            words.append(entry.problem[:500])
        self.say(" ".join(words))
        if self._contents and entry.model is not None:
            self.say(f"  asked {json.dumps(entry.contents, ensure_ascii=False)}")
            self.say(f"  said {json.dumps(''.join(entry.said), ensure_ascii=False)}")

    def failed(self, error: BaseException) -> None:
        """Write what was not foreseen."""
        self.say("".join(traceback.format_exception(error)))

    def say(self, text: str) -> None:
        """Write a line."""
        when = time.strftime("%H:%M:%S")
        print(f"{when} {visible(text)}", file=self._stream or sys.stderr, flush=True)
