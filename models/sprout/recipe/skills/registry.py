"""The table of skills: each is a function that draws one short conversation.

A skill takes a seeded ``random.Random`` and returns its turns as ``(user, assistant)``
pairs, or an ``Episode`` when it also needs a system message. The last answer is the one
that evaluation scores by exact match, so it must follow from the text alone (or, for the
skills marked ``recall``, from a fact that training repeats often).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Turn = tuple[str, str]


@dataclass(frozen=True)
class Episode:
    """Turns of one skill, with the system message they depend on, if any."""

    turns: tuple[Turn, ...]
    system: str | None = None


SkillFunction = Callable[[Random], Episode | Turn]


@dataclass(frozen=True)
class Skill:
    """A named generator; ``weight`` is its relative share of the corpus."""

    name: str
    draw_raw: SkillFunction
    weight: float
    recall: bool

    def draw(self, rng: Random) -> Episode:
        """One episode of this skill."""
        drawn = self.draw_raw(rng)
        return drawn if isinstance(drawn, Episode) else Episode((drawn,))


SKILLS: dict[str, Skill] = {}


def skill(weight: float = 1.0, *, recall: bool = False) -> Callable[[SkillFunction], SkillFunction]:
    """Register a function as a skill under its own name.

    ``recall`` marks skills over a closed list of facts: their held-out questions are new
    draws, but the same question may have been asked in training.
    """

    def register(function: SkillFunction) -> SkillFunction:
        name = function.__name__
        if name in SKILLS:
            raise ValueError(f"two skills are called {name!r}")
        SKILLS[name] = Skill(name, function, weight, recall)
        return function

    return register
