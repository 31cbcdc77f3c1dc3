"""Which lane computes an answer: with which others, or by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from shadow_mlx.generation.draft_head import DraftHead
from shadow_mlx.generation.speculation import Habits
from shadow_mlx.serving.lanes import BatchLane, Lane, MixedLane, SingleLane, can_batch
from shadow_mlx.serving.mixed import MixedModel
from shadow_mlx.serving.models import Key
from shadow_mlx.serving.requests import Asked
from shadow_mlx.serving.trial import answers_in_batches
from shadow_mlx.shadow.attached import AttachedModel


class LanePool:
    """The lanes of one server.

    Args:
        base: The backbone.
        tokenizer: As mlx-lm loads it.
        most: Answers that a lane computes together.
        mixing: Whether adapters share a batch, with each other and with the backbone.
    """

    def __init__(self, base: Any, tokenizer: Any, most: int, *, mixing: bool) -> None:
        self._base = base
        self._tokenizer = tokenizer
        self._most = most
        self._mixing = mixing
        self._mixed: MixedLane | None = None  # all that goes through the backbone
        self._lanes: dict[Key, BatchLane] = {}
        self._tried: dict[Key, bool] = {}
        self._habits: dict[str, Habits] = {}  # of adapters, as they are in memory now

    def lane(
        self, key: Key, model: Any, asked: Asked, caches: list[Any], *, alone: bool = False
    ) -> Lane:
        """The lane that takes an answer.

        Args:
            key: Which weights.
            model: Their model.
            asked: The request.
            caches: What the answer will be computed with.
            alone: Whether nothing else is computed, so that there is time to draft.
        """
        greedy = asked.sampling.temp == 0
        # what is drafted draws otherwise, and a seed promises the same text whoever else asks
        may_draft = asked.sampling.draft and (greedy or asked.sampling.seed is None)
        drafted = may_draft and alone and asked.schema is None and isinstance(model, AttachedModel)
        if drafted or not self._can_batch(key, model, caches):
            habits = self._habits_of(key, model) if drafted else None
            return SingleLane(model, self._tokenizer, greedy=greedy, habits=habits)
        ends = sorted(map(int, self._tokenizer.eos_token_ids))
        if self._mixing and key.mode != "detached":
            if self._mixed is None:
                self._mixed = MixedLane(MixedModel(self._base), ends, self._most)
            if isinstance(model, AttachedModel):
                self._mixed.model.join(key.adapter, model)
            return self._mixed
        if key not in self._lanes:
            self._lanes[key] = BatchLane(model, ends, self._most)
        return self._lanes[key]

    def forget(self, loaded: Collection[str]) -> None:
        """Let go of the lanes of adapters that are not in memory any more, or were read anew."""
        if self._mixed is not None:
            for name in set(self._mixed.model.names).difference(loaded):
                self._mixed.model.leave(name)
        self._habits = {name: one for name, one in self._habits.items() if name in loaded}
        for key, lane in list(self._lanes.items()):
            gone = bool(key.adapter) and key.adapter not in loaded
            if not len(lane) and (gone or self._outdated(key)):
                lane.close()
                del self._lanes[key]

    def drop(self, lane: Lane) -> None:
        """Let go of a lane in which something failed."""
        self._lanes = {key: other for key, other in self._lanes.items() if other is not lane}
        if lane is self._mixed:
            self._mixed = None

    def close(self) -> None:
        """Let go of all."""
        for lane in [*self._lanes.values(), *([self._mixed] if self._mixed else [])]:
            lane.close()
        self._lanes.clear()
        self._mixed = None

    def _habits_of(self, key: Key, model: AttachedModel) -> Habits:
        """What drafts of this model have taught; nothing yet where it was read anew."""
        habits = self._habits.get(key.adapter)
        if habits is None or habits.head.model is not model:
            habits = self._habits[key.adapter] = Habits(DraftHead(model))
        return habits

    def _can_batch(self, key: Key, model: Any, caches: list[Any]) -> bool:
        if key not in self._tried:
            self._tried[key] = answers_in_batches(model)
        return self._tried[key] and can_batch(caches)

    def _outdated(self, key: Key) -> bool:
        return any(
            other.adapter == key.adapter and other.changed > key.changed for other in self._lanes
        )
