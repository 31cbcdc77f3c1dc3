"""Training, validation and test conversations as files.

The test split holds combinations that training never shows: some pairs of slot values (such
as ``item=cup`` with ``color=red``) are kept out of every training and validation
conversation, and every test answer contains at least one of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from .conversations import Message, draw_conversations
from .orders import slot_pairs

SPLITS = {"train": 3000, "valid": 200, "test": 500}
#: The share of conversations that begin with a system message, and what it says.
SYSTEM_SHARE = 0.06
SYSTEMS = ("You are a home robot.", "You are a helpful robot.", "Answer in JSON.")


def draw_splits(seed: int) -> dict[str, list[list[Message]]]:
    """The messages of every split; no conversation occurs twice."""
    seen: set[str] = set()
    splits: dict[str, list[list[Message]]] = {}
    for split, size in SPLITS.items():
        rows: list[list[Message]] = []
        rng = Random(f"{seed}/robot/{split}")
        for conversation in draw_conversations(rng, split):
            with_system = rng.random() < SYSTEM_SHARE
            messages = conversation.messages(rng.choice(SYSTEMS) if with_system else None)
            key = json.dumps(messages)
            if key not in seen:
                seen.add(key)
                rows.append(messages)
            if len(rows) == size:
                break
        splits[split] = rows
    check_splits(splits)
    return splits


def answered_slots(messages: list[Message]) -> list[dict[str, Any]]:
    """The parsed answers of a conversation, in order."""
    return [json.loads(turn["content"]) for turn in messages if turn["role"] == "assistant"]


def check_splits(splits: dict[str, list[list[Message]]]) -> None:
    """Raise ``ValueError`` unless every test answer holds a pair that training never shows.

    Also every single value in the test answers must occur in training: only the
    combinations are new.
    """
    pairs: set[str] = set()
    values: set[tuple[str, Any]] = set()
    for messages in splits["train"] + splits["valid"]:
        for slots in answered_slots(messages):
            pairs |= slot_pairs(slots)
            values |= set(slots.items())
    for messages in splits["test"]:
        final = answered_slots(messages)[-1]
        if not slot_pairs(final) - pairs:
            raise ValueError(f"test answer without a new combination: {final}")
        if unknown := set(final.items()) - values:
            raise ValueError(f"test answer with values that training lacks: {unknown}")


def write_robot_intents(folder: Path, seed: int) -> None:
    """Write ``train``, ``valid`` and ``test`` as JSON Lines into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in draw_splits(seed).items():
        lines = (json.dumps({"messages": messages}, ensure_ascii=False) for messages in rows)
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
