"""What to do next while decoding: draft, and how much, or go on one token at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Source = Literal["shadow", "lookup"]
"""Where drafts come from: the shadow, or what followed the last words before."""

SOURCES: tuple[Source | None, ...] = (None, "shadow", "lookup")

MOST = 8
"""Tokens drafted at most before a pass of the backbone."""

TRIED_FIRST = (1, 2)
"""Drafts of the first rounds of a source: few, for a wrong one costs most of a token."""

PLAIN_FIRST = 4
"""Tokens that are decoded one at a time, so that their price is known."""

PLAIN_AGAIN = 128
"""Rounds after which that price is looked at again."""

FIRST_REST, LONGEST_REST = 32, 512
"""Tokens for which a source that did not pay is left alone: twice as many each time."""

RISKED = 0.01
"""Of the tokens, what may be lost by trying: a source rests until its last try is paid for."""

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

    def at(self, x: float, start: float | None = None) -> float:
        """``y`` at ``x``; a slope below 0 is taken for 0, a value that is none for next to none.

        Args:
            x: Where.
            start: ``y`` at 0, where it is known otherwise: as good as one more point.
        """
        n, sx, sy, sxx, sxy = self._sums
        if start is not None:
            n, sy = n + 1, sy + start
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

    def tokens_a_second(self, drafted: int, plain: float) -> float:
        """What a round of so many drafts is expected to give.

        Args:
            drafted: Their number.
            plain: Seconds of a token without drafts; a round without any would take as long.
        """
        share = min(self.acceptance, 0.999)
        return (1 - share ** (drafted + 1)) / (1 - share) / self.seconds.at(drafted, plain)

    def put_off(self, lost: float) -> None:
        """It rests: twice as long as before, and until so many lost tokens are a small share."""
        self.wait = min(max(self.rest, int(lost / RISKED)), LONGEST_REST)
        self.rest = min(2 * self.rest, LONGEST_REST)


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
        self._trying = False  # whether the last plan is one that was not known to pay

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
        self._trying = False
        if not self._plain.known or self._drafted >= PLAIN_AGAIN:
            return Plan(None, PLAIN_FIRST)
        reach: dict[Source, int] = {"shadow": MOST, "lookup": offered}
        usable = [source for source, most in reach.items() if most]
        known = [source for source in usable if self.records[source].rounds >= len(TRIED_FIRST)]
        waited = [source for source in usable if self.records[source].wait <= 0]
        for source in waited:
            if source not in known:
                self._trying = True
                tried = self.records[source].rounds
                return Plan(source, min(TRIED_FIRST[tried], reach[source]))
        rated = [
            (self.rate(source, count), source, count)
            for source in known
            for count in range(1, reach[source] + 1)
        ]
        if rated and self.pays(max(rated)[0]):
            _, source, count = max(rated)
            self.records[source].rest = FIRST_REST
            return Plan(source, count)
        if waited:
            self._trying = True
            return Plan(waited[0], min(PROBE, reach[waited[0]]))
        return Plan(None, max(1, self.records["shadow"].wait))

    def rate(self, source: Source, drafted: int) -> float:
        """Tokens a second that so many drafts are expected to give."""
        return self.records[source].tokens_a_second(drafted, self._plain.at(0))

    def pays(self, rate: float) -> bool:
        """Whether so many tokens a second are more than without drafts."""
        return rate > GAIN / self._plain.at(0)

    def looking_pays(self, offered: int) -> bool:
        """Whether to draft by looking back, in the middle of decoding without drafts."""
        record = self.records["lookup"]
        if not offered or not self._plain.known:
            return False
        if record.wait <= 0:
            return True
        if record.rounds < len(TRIED_FIRST):
            return False
        return any(self.pays(self.rate("lookup", k)) for k in range(1, offered + 1))

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
            record = self.records[plan.source]
            record.learn(plan.count, accepted, seconds)
            lost = seconds / self._plain.at(0) - (accepted + 1) if self._plain.known else 0.0
            if self._trying and record.rounds > 1 and lost > 0:
                record.put_off(lost)
