"""Draws conversations from the skills: one skill, or two to three in a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from .skills import SKILLS, Episode, Skill

Message = dict[str, str]

SYSTEM_MESSAGES = (
    "You are a helpful assistant.",
    "You are Sprout, a small assistant.",
    "Answer briefly.",
    "Help the user.",
)
PLAIN_SYSTEM_SHARE = 0.1
TURNS_SHARES = {1: 0.6, 2: 0.3, 3: 0.1}


@dataclass(frozen=True)
class Conversation:
    """Chat messages, and the skill that the last answer belongs to."""

    messages: tuple[Message, ...]
    skill: str


def to_messages(episodes: list[Episode], rng: Random) -> tuple[Message, ...]:
    """Chat messages of some episodes; system messages are joined at the front."""
    systems = [episode.system for episode in episodes if episode.system]
    if not systems and rng.random() < PLAIN_SYSTEM_SHARE:
        systems = [rng.choice(SYSTEM_MESSAGES)]
    messages: list[Message] = []
    if systems:
        messages.append({"role": "system", "content": " ".join(systems)})
    for episode in episodes:
        for user, assistant in episode.turns:
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": assistant})
    return tuple(messages)


def draw_conversation(rng: Random, last: Skill | None = None) -> Conversation:
    """One conversation; ``last`` fixes the skill of its last answer.

    At most one episode brings its own system message, and no two the same skill, so that
    the facts of one never contradict those of another in the system message.
    """
    skills = list(SKILLS.values())
    final = last or rng.choices(skills, [skill.weight for skill in skills])[0]
    amount = rng.choices(list(TURNS_SHARES), list(TURNS_SHARES.values()))[0]
    others = rng.sample([skill for skill in skills if skill is not final], amount - 1)
    episodes = [final.draw(rng)]
    for other in others:
        episode = other.draw(rng)
        if not (episode.system or episodes[-1].system):
            episodes.insert(0, episode)
    return Conversation(to_messages(episodes, rng), final.name)


def conversations(seed: int, stream: str) -> Iterator[Conversation]:
    """An endless stream, fixed by ``seed`` and by ``stream`` (such as ``train``)."""
    rng = Random(f"{seed}/{stream}")
    while True:
        yield draw_conversation(rng)
