"""Which examples are the same as others: 16 bytes a record, whatever its length."""

from __future__ import annotations

import hashlib
import json
from array import array
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shadow_mlx.data.reading.records import Record

_ENCODER = json.JSONEncoder(sort_keys=True, check_circular=False)


class Repeats(NamedTuple):
    """Examples that repeat earlier ones: how many; the first one's line, and the earlier one's."""

    examples: int
    line: int = 0
    earlier: int = 0


class Prints:
    """A number of 64 bits for each record, and its line.

    Two of a million different records have the same number with a chance of 3 in 10⁸.
    """

    def __init__(self) -> None:
        self._prints, self._lines = array("Q"), array("q")

    def add(self, record: Record) -> None:
        """Remember a record: by what is trained of it, not by where it stands."""
        said = [record.kind, record.messages, record.tools, record.options, record.text]
        content = _ENCODER.encode(said).encode()
        digest = hashlib.blake2b(content, digest_size=8).digest()
        self._prints.append(int.from_bytes(digest, "little"))
        self._lines.append(record.line)

    @property
    def values(self) -> npt.NDArray[np.uint64]:
        """The numbers, uint64[n], in the order of the records."""
        return np.array(self._prints, np.uint64)

    def repeats(self) -> Repeats:
        """The records that are the same as an earlier one of the file."""
        _, first, same = np.unique(self.values, return_index=True, return_inverse=True)
        repeated = np.flatnonzero(first[same] != np.arange(len(same)))
        if not len(repeated):
            return Repeats(0)
        line, earlier = int(repeated[0]), int(first[same[repeated[0]]])
        return Repeats(len(repeated), self._lines[line], self._lines[earlier])


def shared(here: npt.NDArray[np.uint64], there: npt.NDArray[np.uint64]) -> int:
    """How many of the first records are among the second ones."""
    return int(np.isin(here, there).sum())
