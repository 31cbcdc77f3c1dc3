"""The processes of one job, and how they stay of one mind.

In data parallelism each process has rows of its own of every batch, and what they compute is
summed. In tensor parallelism each has a part of every matrix of the backbone and all of them see
all rows: each comes to the same numbers but for rounding, and the first one's count, so that
nothing can drift apart. Whatever needs all of them (a *collective*) waits for the last one, so all
must ask for the same ones in the same order: what decides about that (a signal, a clock, a sampled
token, a line that somebody types) is the first one's to say, or is asked of all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mlx.core as mx
import numpy as np
from mlx.utils import tree_map

from shadow_mlx.config import Parallel
from shadow_mlx.errors import ConfigError
from shadow_mlx.parallel.peers import meet
from shadow_mlx.runs.events import StopToken

ALONE = (
    "--parallel tensor splits the backbone over several processes, and this is one alone. Start "
    "the command on all of them with mlx.launch: mlx.launch -n 2 shadow-mlx train --parallel "
    "tensor … (on one machine), or with --hostfile FILE (on several)"
)


@dataclass(frozen=True)
class Team:
    """The processes of one job.

    Attributes:
        group: MLX's own.
        parallel: What they split.
    """

    group: mx.distributed.Group
    parallel: Parallel = "data"

    @classmethod
    def gathered(cls, parallel: Parallel = "data") -> Team:
        """The processes that were started together, once all of them have come.

        Raises:
            ConfigError: A backbone is to be split, and there is one process.
            PeersLostError: They cannot find each other.
        """
        team = cls(meet(), parallel)
        if parallel == "tensor":
            if team.size == 1:
                raise ConfigError(ALONE)
            _use_one_stream()
        return team

    @property
    def size(self) -> int:
        """How many processes there are."""
        return int(self.group.size())

    @property
    def first(self) -> bool:
        """Whether this is the one that speaks and writes."""
        return bool(self.group.rank() == 0)

    @property
    def splits(self) -> bool:
        """Whether each has a part of the backbone alone."""
        return self.parallel == "tensor" and self.size > 1

    @property
    def rows(self) -> tuple[int, int]:
        """Whose rows of a batch this process has, and of how many."""
        return (0, 1) if self.splits else (int(self.group.rank()), self.size)

    @cached_property
    def share(self) -> float:
        """What the sums of this process count for in those of all: all of it, or nothing."""
        return 0.0 if self.splits and not self.first else 1.0

    def counting(self, tree: Any) -> Any:
        """Arrays as they count; each process computes them, or the others would wait for it."""
        if not self.splits:
            return tree
        return tree_map(lambda array: array * mx.array(self.share, array.dtype), tree)

    def total(self, values: mx.array) -> mx.array:
        """The sum over the processes of what counts; equal to the last bit on all of them."""
        if self.size == 1:
            return values
        return mx.distributed.all_sum(self.counting(values), group=self.group)

    def same(self, values: mx.array) -> mx.array:
        """The first process's values, where the backbone is split; else one's own."""
        return self.total(values) if self.splits else values

    def agreed(self, wish: bool) -> bool:
        """Whether any of them wants it."""
        if self.size == 1:
            return wish
        wishes: Any = mx.distributed.all_sum(mx.array(int(wish)), group=self.group).item()
        return bool(wishes)

    def numbers(self, own: Sequence[int]) -> list[int]:
        """The first process's whole numbers; every process gives as many."""
        if not self.splits:
            return list(own)
        found: Any = self.total(mx.array(list(own), mx.int32)).tolist()
        return list(found)

    def told(self, own: Any) -> Any:
        """What the first process says: plain values, as JSON has them."""
        if not self.splits:
            return own
        said = np.frombuffer(json.dumps(own).encode() if self.first else b"", np.uint8)
        (length,) = self.numbers([len(said)])
        heard = self.total(mx.array(said if self.first else np.zeros(length, np.uint8)))
        return json.loads(np.array(heard).tobytes())

    def stop(self, wish: StopToken | None) -> StopToken:
        """A token that says the same to all of them, which ask it equally often."""
        return AgreedStop(self, wish or StopToken()) if self.splits else wish or StopToken()


class AgreedStop(StopToken):
    """A wish to stop of any process, heard by all of them at the same place."""

    def __init__(self, team: Team, wish: StopToken) -> None:
        super().__init__()
        self._team = team
        self._wish = wish
        self._agreed = False

    @property
    def stopping(self) -> bool:
        """Whether any of the processes was asked to end."""
        self._agreed = self._agreed or self._team.agreed(self._wish.stopping)
        return self._agreed


def alone() -> Team:
    """A team of this process."""
    return Team(mx.distributed.init())


def _use_one_stream() -> None:
    """Have mlx-lm's decoding and all else queue their collectives in one line.

    Two lines would meet in the same sockets: mlx-lm decodes on a stream of its own, on which a CPU
    does the sums between processes, too.
    """
    from mlx_lm.generate import generation_stream

    with mx.stream(generation_stream):
        stream = mx.default_stream(mx.default_device())
    mx.set_default_stream(stream)
