"""Exact-match scores of greedy answers: per pretraining skill, and on robot-intents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

from mlx_lm import batch_generate, load

from .corpus import draw_conversation
from .skills import SKILLS

Messages = list[dict[str, Any]]


def exact_matches(
    model: Any, tokenizer: Any, conversations: Iterable[Messages], max_tokens: int = 100
) -> list[bool]:
    """Whether the greedy answer to each conversation equals its last message exactly."""
    asked = list(conversations)
    prompts = [
        tokenizer.encode(
            tokenizer.apply_chat_template(
                messages[:-1], add_generation_prompt=True, tokenize=False
            ),
            add_special_tokens=False,
        )
        for messages in asked
    ]
    answers = batch_generate(model, tokenizer, prompts, max_tokens=max_tokens).texts
    return [
        answer == messages[-1]["content"] for answer, messages in zip(answers, asked, strict=True)
    ]


def skill_scores(model: Any, tokenizer: Any, seed: int, per_skill: int = 40) -> dict[str, float]:
    """Share of exact answers for each skill on conversations of a stream not trained on."""
    rng = Random(f"{seed}/evaluation")
    drawn = [
        draw_conversation(rng, last=skill) for skill in SKILLS.values() for _ in range(per_skill)
    ]
    hits = exact_matches(model, tokenizer, [list(item.messages) for item in drawn])
    totals = dict.fromkeys(SKILLS, 0)
    for item, hit in zip(drawn, hits, strict=True):
        totals[item.skill] += hit
    return {name: total / per_skill for name, total in totals.items()}


def file_score(model: Any, tokenizer: Any, path: Path, limit: int | None = None) -> float:
    """Share of exact last answers in a chat JSON Lines file."""
    rows = [json.loads(line)["messages"] for line in path.read_text().splitlines()[:limit]]
    hits = exact_matches(model, tokenizer, rows)
    return sum(hits) / len(hits)


def evaluate(folder: Path, seed: int, adapter: Path | None = None) -> dict[str, Any]:
    """All exact-match figures of the model in ``folder``, with mlx-lm's ``adapter`` if given."""
    model, tokenizer = load(str(folder), adapter_path=str(adapter) if adapter else None)
    scores = skill_scores(model, tokenizer, seed)
    return {
        "skills": scores,
        "skills_mean": sum(scores.values()) / len(scores),
        "robot_intents_test": file_score(
            model, tokenizer, folder / "data" / "robot-intents" / "test.jsonl"
        ),
    }
