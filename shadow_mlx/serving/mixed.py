"""Answers of several adapters, and of the bare backbone, in one batch.

A shadow touches no weight of the backbone: rows of all adapters go through its blocks together, and
between two blocks each row meets the injection and the update of its own. The backbone's weights,
which take most of the time of decoding, are so read once for all.

B rows · T tokens · D backbone width
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from jaxtyping import Float, Integer

from shadow_mlx.backbones.decoder import find_decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.backbones.twin import twin
from shadow_mlx.backbones.wrapping import Companion, entering, wrap_blocks
from shadow_mlx.shadow.attached import AttachedModel

BARE = ""
"""The name of rows without a shadow."""

Hidden = Float[mx.array, "batch length hidden"]


class ShadowRows:
    """The shadows' caches of a batch, and whose each row is: one entry of mlx-lm's list of caches.

    Args:
        names: The adapter of each row.
        caches: For each adapter its shadow's caches, of its rows in their order.
    """

    def __init__(self, names: Sequence[str], caches: Mapping[str, list[Any]]) -> None:
        self.names = list(names)
        self.caches = dict(caches)

    def rows(self, name: str) -> list[int]:
        """The places of an adapter's rows."""
        return [place for place, one in enumerate(self.names) if one == name]

    @classmethod
    def merge(cls, entries: Sequence[ShadowRows]) -> ShadowRows:
        """A batch of entries of one row each."""
        names = [name for entry in entries for name in entry.names]
        caches = {}
        for name in dict.fromkeys(names):
            several = [entry.caches[name] for entry in entries if name in entry.caches]
            if several:
                caches[name] = [layer[0].merge(list(layer)) for layer in zip(*several, strict=True)]
        return cls(names, caches)

    def extend(self, other: ShadowRows) -> None:
        """Put another batch's rows behind these."""
        for name, theirs in other.caches.items():
            if name not in self.caches:
                self.caches[name] = theirs
                continue
            for mine, their in zip(self.caches[name], theirs, strict=True):
                mine.extend(their)
        self.names += other.names

    def filter(self, keep: Sequence[int]) -> None:
        """Leave these rows alone."""
        kept = set(keep)
        for name in list(self.caches):
            rows = self.rows(name)
            left = [place for place, row in enumerate(rows) if row in kept]
            if not left:
                del self.caches[name]
            elif len(left) < len(rows):
                for entry in self.caches[name]:
                    entry.filter(left)
        self.names = [name for place, name in enumerate(self.names) if place in kept]

    def extract(self, row: int) -> ShadowRows:
        """One row as an entry of its own."""
        name = self.names[row]
        place = self.rows(name).index(row)
        mine = self.caches.get(name)
        return ShadowRows(
            [name], {} if mine is None else {name: [entry.extract(place) for entry in mine]}
        )

    def prepare(self, **padding: Any) -> None:
        """Prompts of several lengths come: each option has a number for each row."""
        for name, entries in self.caches.items():
            rows = self.rows(name)
            given = {key: [numbers[row] for row in rows] for key, numbers in padding.items()}
            for entry in entries:
                entry.prepare(**given)

    def finalize(self) -> None:
        """They have come."""
        for entries in self.caches.values():
            for entry in entries:
                entry.finalize()

    @property
    def state(self) -> list[Any]:
        """Everything that is computed."""
        return [entry.state for entries in self.caches.values() for entry in entries]

    @property
    def nbytes(self) -> int:
        """Bytes of all."""
        return sum(entry.nbytes for entries in self.caches.values() for entry in entries)


@dataclass(frozen=True)
class _Group:
    """The rows of one adapter, and its layers; None: the bare backbone's."""

    rows: Integer[mx.array, " group"]
    layers: Sequence[Companion] | None


@dataclass(frozen=True)
class _Groups:
    """All rows by adapter. ``back`` leads from their order to the batch's."""

    members: tuple[_Group, ...]
    back: Integer[mx.array, " batch"]

    def apart(self, *arrays: mx.array) -> Iterator[tuple[_Group, list[mx.array]]]:
        """Each group, with its rows of the arrays."""
        for group in self.members:
            whole = len(self.members) == 1
            yield group, [array if whole else array[group.rows] for array in arrays]

    def together(self, parts: Sequence[mx.array]) -> mx.array:
        """The groups' rows in the batch's order."""
        return parts[0] if len(parts) == 1 else mx.concatenate(list(parts))[self.back]


# Set only within one call of one thread, as s⁰ is on its way into the first block.
_groups: ContextVar[_Groups | None] = ContextVar("groups", default=None)


@contextmanager
def _grouped(groups: _Groups) -> Iterator[None]:
    token = _groups.set(groups)
    try:
        yield
    finally:
        _groups.reset(token)


class _MixedLayer:
    """At one block, each row's own injection and update."""

    training = False
    parts: Sequence[nn.Module] = ()

    def __init__(self, index: int) -> None:
        self._index = index

    def inject(self, h: Hidden, s: Hidden, key: mx.array | None = None) -> Hidden:
        """Equations 2 to 4; a bare row is left as it is."""
        groups = _current()
        return groups.together(
            [
                mine[0] if group.layers is None else group.layers[self._index].inject(*mine)
                for group, mine in groups.apart(h, s)
            ]
        )

    def advance(self, h_out: Hidden, s: Hidden) -> Hidden:
        """Equations 5 to 7; a bare row has no state that would change."""
        groups = _current()
        return groups.together(
            [
                mine[1] if group.layers is None else group.layers[self._index].advance(*mine)
                for group, mine in groups.apart(h_out, s)
            ]
        )

    def dropout_key(self) -> None:
        """Nothing is dropped where nothing is trained."""


def _current() -> _Groups:
    groups = _groups.get()
    assert groups is not None
    return groups


class MixedModel:
    """A backbone with any number of shadows at once, with mlx-lm's call surface.

    Args:
        base: The backbone; it stays as it is.
    """

    def __init__(self, base: nn.Module) -> None:
        decoder = find_decoder(twin(base))
        self._decoder = decoder
        self._head = HeadView(decoder)
        self._blocks = len(decoder.blocks)
        self._wrapping = wrap_blocks(decoder, [_MixedLayer(i) for i in range(self._blocks)])
        self._shadows: dict[str, AttachedModel] = {}

    def join(self, name: str, model: AttachedModel) -> None:
        """Have a shadow, of a model on the same backbone."""
        self._shadows[name] = model

    def leave(self, name: str) -> None:
        """Let a shadow go; none of its rows may be there."""
        self._shadows.pop(name, None)

    @property
    def names(self) -> list[str]:
        """The shadows that are there."""
        return list(self._shadows)

    def mixed(self, name: str, caches: list[Any]) -> list[Any]:
        """One row's caches for this model, of those for the model with its shadow alone."""
        own = len(caches) if name == BARE else self._shadows[name].backbone_caches
        return [*caches[:own], ShadowRows([name], {} if name == BARE else {name: caches[own:]})]

    @staticmethod
    def unmixed(caches: list[Any]) -> list[Any]:
        """One row's caches for the model with its shadow alone."""
        *own, rows = caches
        return [*own, *(entry for mine in rows.caches.values() for entry in mine)]

    def __call__(
        self, inputs: Integer[mx.array, "batch length"], cache: list[Any]
    ) -> Float[mx.array, "batch length vocabulary"]:
        """Logits of token ids; of the caches, the last is a :class:`ShadowRows`."""
        *own, rows = cache
        groups = self._groups_of(rows)
        if all(group.layers is None for group in groups.members):
            return self._head(self._decoder.final_hidden(inputs, own))
        with _grouped(groups), entering(self._wrapping, self._states(inputs, rows, groups)):
            hidden = self._decoder.final_hidden(inputs, own)
        return self._head(hidden)

    def _groups_of(self, rows: ShadowRows) -> _Groups:
        names = list(dict.fromkeys(rows.names))
        places = [rows.rows(name) for name in names]
        order = [place for several in places for place in several]
        back = sorted(range(len(order)), key=order.__getitem__)
        members = [
            _Group(
                mx.array(several),
                None if name == BARE else self._shadows[name].shadow.for_blocks(self._blocks),
            )
            for name, several in zip(names, places, strict=True)
        ]
        return _Groups(tuple(members), mx.array(back))

    def _states(
        self, inputs: Integer[mx.array, "batch length"], rows: ShadowRows, groups: _Groups
    ) -> Hidden:
        """``s⁰`` of every row, equation 1; zeros for a bare one."""
        names = list(dict.fromkeys(rows.names))
        found = [
            None
            if name == BARE
            else self._shadows[name].shadow.backbone(mine[0], rows.caches[name])
            for name, (_, mine) in zip(names, groups.apart(inputs), strict=True)
        ]
        one = next(state for state in found if state is not None)
        return groups.together(
            [
                mx.zeros((group.rows.size, *one.shape[1:]), one.dtype) if state is None else state
                for group, state in zip(groups.members, found, strict=True)
            ]
        )
