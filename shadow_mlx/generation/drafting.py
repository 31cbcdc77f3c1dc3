"""How many tokens to draft: what is worth its time, by what was accepted and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST = 8
"""Tokens drafted at most before a pass of the backbone."""

TRIED_FIRST = (4, 2, 0, 4)
"""Rounds with which an answer begins, so that both prices are known."""

PROBE_EVERY = 16
"""Rounds between two looks at another length, where nothing new is learnt otherwise."""

KEPT = 0.9
"""Of what was learnt, from one round to the next: texts change."""


@dataclass
class Line:
    """Least squares of ``y`` over ``x``, older points counting less."""

    _sums: tuple[float, ...] = (0.0,) * 5

    def add(self, x: float, y: float) -> None:
        """Note a point."""
        new = (1.0, x, y, x * x, x * y)
        self._sums = tuple(KEPT * old + one for old, one in zip(self._sums, new, strict=True))

    def at(self, x: float) -> float:
        """``y`` at ``x``; a slope below 0 is taken for 0, a value that is none for next to none."""
        n, sx, sy, sxx, sxy = self._sums
        spread = n * sxx - sx * sx
        slope = max(0.0, (n * sxy - sx * sy) / spread) if spread > 1e-9 else 0.0
        return max(1e-9, (sy - slope * sx) / n + slope * x)


@dataclass
class Pace:
    """The number of tokens to draft next, while decoding.

    A round of ``k`` drafts takes ``w + k·c`` seconds, and gives ``1 + a + … + a^k`` tokens, where
    ``a`` is the share of drafts that are accepted. What is drafted is what gives the most tokens a
    second; nothing, where plain decoding does.

    Args:
        fixed: Always so many.
    """

    fixed: int | None = None
    _rounds: int = 0
    _accepted: float = 1.4  # of two: a guess that the first rounds outweigh
    _tried: float = 2.0
    _seconds: Line = field(default_factory=Line)

    def next(self) -> int:
        """How many tokens to draft."""
        if self.fixed is not None:
            return self.fixed
        if self._rounds < len(TRIED_FIRST):
            return TRIED_FIRST[self._rounds]
        best = max(range(MOST + 1), key=self._tokens_a_second)
        if self._rounds % PROBE_EVERY == 0:
            return max(2, min(MOST, best + 1))
        return best

    def learn(self, drafted: int, accepted: int, seconds: float) -> None:
        """Note what became of a round."""
        self._rounds += 1
        if self._rounds > 1:  # the first one holds whatever is done once
            self._seconds.add(drafted, seconds)
        looked_at = min(drafted, accepted + 1)  # behind the first wrong one nothing is known
        self._accepted = KEPT**looked_at * self._accepted + accepted
        self._tried = KEPT**looked_at * self._tried + looked_at

    @property
    def acceptance(self) -> float:
        """Share of drafts that are accepted, as it seems now."""
        return self._accepted / self._tried

    def _tokens_a_second(self, drafted: int) -> float:
        share = min(self.acceptance, 0.999)
        tokens = (1 - share ** (drafted + 1)) / (1 - share)
        return tokens / self._seconds.at(drafted)
