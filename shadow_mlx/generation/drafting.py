"""What to do next while decoding: draft, and how much, or go on one token at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Source = Literal["shadow", "lookup"]
"""Where drafts come from: the shadow, or what followed the last words before."""

SOURCES: tuple[Source | None, ...] = (None, "shadow", "lookup")

MOST = 8
"""Tokens drafted at most before a pass of the backbone."""

TRIED_FIRST = (4, 2)
"""Drafts of the first rounds of a source, so that both of its prices are known."""

PLAIN_FIRST = 4
"""Tokens that are decoded one at a time, so that their price is known."""

PLAIN_AGAIN = 128
"""Rounds after which that price is looked at again."""

FIRST_REST, LONGEST_REST = 32, 512
"""Tokens for which a source that did not pay is left alone: twice as many each time."""

PROBE = 2
"""Drafts with which a source is tried again then."""

GAIN = 1.03
"""How much faster drafting must seem to be chosen."""

KEPT = 0.9
"""Of what was learnt, from one round to the next: texts change."""

OUTLIER = 2.0
"""A round counts as at most so many times as long as was expected: machines have other things to
do, too."""


@dataclass
class Line:
    """Least squares of ``y`` over ``x``, older points counting less."""

    _sums: tuple[float, ...] = (0.0,) * 5

    def add(self, x: float, y: float) -> None:
        """Note a point."""
        if self._sums[0] > 2:
            y = min(y, OUTLIER * self.at(x))
        new = (1.0, x, y, x * x, x * y)
        self._sums = tuple(KEPT * old + one for old, one in zip(self._sums, new, strict=True))

    @property
    def known(self) -> bool:
        """Whether there is a point."""
        return self._sums[0] > 0

    def at(self, x: float) -> float:
        """``y`` at ``x``; a slope below 0 is taken for 0, a value that is none for next to none."""
        n, sx, sy, sxx, sxy = self._sums
        spread = n * sxx - sx * sx
        slope = max(0.0, (n * sxy - sx * sy) / spread) if spread > 1e-9 else 0.0
        return max(1e-9, (sy - slope * sx) / n + slope * x)


@dataclass(frozen=True)
class Plan:
    """The next stretch of decoding.

    Attributes:
        source: Where the drafts come from; ``None`` without any.
        count: So many drafts for one pass; without drafts, so many tokens one at a time.
    """

    source: Source | None
    count: int


@dataclass
class Record:
    """What was learnt of one source of drafts.

    A round of ``k`` drafts takes ``w + k·c`` seconds, and gives ``1 + a + … + a^k`` tokens, where
    ``a`` is the share of drafts that are accepted.
    """

    rounds: int = 0
    seconds: Line = field(default_factory=Line)
    rest: int = FIRST_REST
    wait: int = 0  # tokens until it may be tried again, where it does not pay
    _accepted: float = 1.4  # of two: a guess that the first rounds outweigh
    _tried: float = 2.0

    @property
    def acceptance(self) -> float:
        """Share of drafts that are accepted, as it seems now."""
        return self._accepted / self._tried

    def learn(self, drafted: int, accepted: int, seconds: float) -> None:
        """Note what became of a round."""
        self.rounds += 1
        if self.rounds > 1:  # the first one holds whatever is done once
            self.seconds.add(drafted, seconds)
        looked_at = min(drafted, accepted + 1)  # behind the first wrong one nothing is known
        self._accepted = KEPT**looked_at * self._accepted + accepted
        self._tried = KEPT**looked_at * self._tried + looked_at

    def tokens_a_second(self, drafted: int) -> float:
        """What a round of so many drafts is expected to give."""
        share = min(self.acceptance, 0.999)
        return (1 - share ** (drafted + 1)) / (1 - share) / self.seconds.at(drafted)

    def put_off(self) -> None:
        """It is tried once more; then it rests twice as long as before."""
        self.wait, self.rest = self.rest, min(2 * self.rest, LONGEST_REST)


class Pace:
    """Decides what to do next by what it gave and what it took.

    What gives the most tokens a second is done; drafting is left alone where plain decoding does,
    and tried again now and then. What is learnt holds for the next answer too: it is of this
    model, on this machine.

    Args:
        fixed: Always so many drafts of the shadow, or none.
    """

    def __init__(self, fixed: int | None = None) -> None:
        self.records: dict[Source, Record] = {"shadow": Record(), "lookup": Record()}
        self._fixed = fixed
        self._plain = Line()
        self._drafted = 0  # rounds since the price of plain decoding was looked at

    @property
    def plain_seconds(self) -> float | None:
        """Seconds that a token takes one at a time, if that is known."""
        return self._plain.at(0) if self._plain.known else None

    def next(self, offered: int) -> Plan:
        """What to do.

        Args:
            offered: How many tokens looking back would draft; no more of them are asked for.
        """
        if self._fixed is not None:
            return Plan("shadow", self._fixed) if self._fixed else Plan(None, 1)
        reach: dict[Source, int] = {"shadow": MOST, "lookup": offered}
        usable = [source for source, most in reach.items() if most]
        for source in usable:
            if (rounds := self.records[source].rounds) < len(TRIED_FIRST):
                return Plan(source, min(TRIED_FIRST[rounds], reach[source]))
        if not self._plain.known or self._drafted >= PLAIN_AGAIN:
            return Plan(None, PLAIN_FIRST)
        rate, source, count = max(
            (self.records[source].tokens_a_second(count), source, count)
            for source in usable
            for count in range(1, reach[source] + 1)
        )
        if self.pays(rate):
            self.records[source].rest = FIRST_REST
            return Plan(source, count)
        for source in usable:
            if self.records[source].wait <= 0:
                self.records[source].put_off()
                return Plan(source, min(PROBE, reach[source]))
        return Plan(None, self.records["shadow"].wait)

    def pays(self, rate: float) -> bool:
        """Whether so many tokens a second are more than without drafts."""
        return rate > GAIN / self._plain.at(0)

    def looking_pays(self, offered: int) -> bool:
        """Whether to draft by looking back, in the middle of decoding without drafts."""
        record = self.records["lookup"]
        if not offered or not self._plain.known:
            return False
        if record.rounds < len(TRIED_FIRST) or record.wait <= 0:
            return True
        return any(self.pays(record.tokens_a_second(k)) for k in range(1, offered + 1))

    def learn(self, plan: Plan, accepted: int, seconds: float) -> None:
        """Note what became of a plan, and how long it took.

        Args:
            plan: With the number of drafts that there were, or of tokens without drafts.
            accepted: How many of the drafts were taken.
            seconds: Of all of it.
        """
        for record in self.records.values():
            record.wait -= plan.count if plan.source is None else accepted + 1
        if plan.source is None:
            self._drafted = 0
            self._plain.add(0, seconds / plan.count)
        else:
            self._drafted += 1
            self.records[plan.source].learn(plan.count, accepted, seconds)
