"""What decoding with drafts gives: tokens, and the figures of how it went."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import mlx.core as mx


@dataclass
class Drafted:
    """How drafting went.

    Attributes:
        tokens: Tokens that were generated.
        passes: Passes of the backbone for them.
        drafted: Tokens that were drafted.
        accepted: Those of them that were taken.
        looked_up: Those of the accepted ones that were found by looking back.
        seconds: Of decoding, with what a listener did meanwhile.
        plain_seconds: What the same tokens would have taken one at a time, as far as that was
            measured.
    """

    tokens: int = 0
    passes: int = 0
    drafted: int = 0
    accepted: int = 0
    looked_up: int = 0
    seconds: float = 0.0
    plain_seconds: float | None = None

    def __add__(self, other: Drafted) -> Drafted:
        """Of two answers together."""
        plain = None
        if self.plain_seconds is not None and other.plain_seconds is not None:
            plain = self.plain_seconds + other.plain_seconds
        return Drafted(
            self.tokens + other.tokens,
            self.passes + other.passes,
            self.drafted + other.drafted,
            self.accepted + other.accepted,
            self.looked_up + other.looked_up,
            self.seconds + other.seconds,
            plain,
        )

    @property
    def tokens_per_pass(self) -> float:
        """Tokens for each pass of the backbone; 1 without drafts."""
        return self.tokens / self.passes if self.passes else 0.0

    @property
    def acceptance(self) -> float:
        """Share of the drafted tokens that were taken."""
        return self.accepted / self.drafted if self.drafted else 0.0

    @property
    def speedup(self) -> float | None:
        """How many times as fast as one token at a time, where that is known."""
        if self.plain_seconds is None or not self.seconds:
            return None
        return self.plain_seconds / self.seconds

    def figures(self) -> dict[str, float | None]:
        """All of it, ready for JSON."""
        return {
            **asdict(self),
            "per_pass": self.tokens_per_pass,
            "acceptance": self.acceptance,
            "speedup": self.speedup,
        }


@dataclass(frozen=True)
class Token:
    """One generated token, its log-probabilities ``[V]``, and whether it was drafted."""

    token: int
    logprobs: mx.array
    from_draft: bool
