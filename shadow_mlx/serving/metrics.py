"""What a server counts, as the text that Prometheus reads."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper ends of the ranges in which times are counted."""

_HELP = {
    "requests_total": "Requests, by address and by the status of their reply.",
    "disconnects_total": "Requests whose client went away before the end.",
    "prompt_tokens_total": "Tokens of prompts.",
    "cached_tokens_total": "Tokens of prompts that were not computed again.",
    "generated_tokens_total": "Tokens of answers.",
    "drafted_tokens_total": "Tokens that a shadow proposed.",
    "accepted_tokens_total": "Proposed tokens that were taken.",
    "answers_running": "Answers that are computed now.",
    "answers_waiting": "Answers that wait for their turn.",
    "adapters_loaded": "Adapters in memory.",
    "prompt_cache_bytes": "Memory of prompts that may come again.",
    "memory_bytes": "Memory that MLX holds.",
    "request_seconds": "From a request to the end of its answer.",
    "first_token_seconds": "From a request to the first token of its answer.",
}
PREFIX = "shadow_mlx_"


class _Times:
    """Times, counted by range."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_SECONDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.sum += seconds


class Metrics:
    """Counters of any thread; gauges are given when they are asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {}
        self._times: dict[str, _Times] = {}
        for name in _HELP:
            if name.endswith("_total"):
                self._counts[name] = Counter()
            elif name.endswith("_seconds"):
                self._times[name] = _Times()

    def count(self, name: str, by: int = 1, **labels: str) -> None:
        """Add to a counter."""
        shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        with self._lock:
            self._counts[name][shown] += by

    def time(self, name: str, seconds: float) -> None:
        """Note a time."""
        with self._lock:
            self._times[name].add(seconds)

    def value(self, name: str, *having: str) -> int:
        """A counter, all its labels together, or those that have one of these texts in them."""
        with self._lock:
            counts = self._counts[name].items()
            return sum(
                count
                for labels, count in counts
                if not having or any(text in labels for text in having)
            )

    def text(self, gauges: Mapping[str, float]) -> str:
        """All of it, one number a line."""
        with self._lock:
            return "\n".join([*self._lines(gauges), ""])

    def _lines(self, gauges: Mapping[str, float]) -> Iterator[str]:
        for name, said in _HELP.items():
            kind = (
                "counter"
                if name in self._counts
                else "histogram"
                if name in self._times
                else "gauge"
            )
            yield f"# HELP {PREFIX}{name} {said}"
            yield f"# TYPE {PREFIX}{name} {kind}"
            if kind == "counter":
                unlabelled = {} if name == "requests_total" else {"": 0}
                for labels, number in sorted({**unlabelled, **self._counts[name]}.items()):
                    yield f"{PREFIX}{name}{'{' + labels + '}' if labels else ''} {number}"
            elif kind == "histogram":
                yield from self._ranges(name, self._times[name])
            else:
                yield f"{PREFIX}{name} {gauges.get(name, 0):.15g}"

    def _ranges(self, name: str, times: _Times) -> Iterator[str]:
        total = 0
        for end, count in zip([*map(str, _SECONDS), "+Inf"], times.counts, strict=True):
            total += count
            yield f'{PREFIX}{name}_bucket{{le="{end}"}} {total}'
        yield f"{PREFIX}{name}_sum {times.sum:.6f}"
        yield f"{PREFIX}{name}_count {total}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
