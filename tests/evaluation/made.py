"""Comparisons made by hand, for what is drawn from one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shadow_mlx.config import Mode
from shadow_mlx.evaluation.metrics import EXACT, Pair
from shadow_mlx.evaluation.questions import Question
from shadow_mlx.evaluation.results import Comparison, Result
from shadow_mlx.evaluation.uncertainty import estimate


def made_result(name: str, right: Sequence[bool | None], **changes: Any) -> Result:
    """A result whose answers are ``yes`` where right and ``perhaps not`` where wrong."""
    mode: Mode = "base" if name == "base" else "detached" if "detached" in name else "attached"
    answers = {True: "yes", False: "perhaps not", None: None}
    answered = [flag for flag in right if flag is not None]
    pairs = [Pair("", "", flag) for flag in answered]
    figures: dict[str, Any] = {
        "name": name,
        "mode": mode,
        "adapter": None,
        "questions": len(answered),
        "exact": answered.count(True) / max(1, len(answered)),
        "field_f1": None,
        "loss": 1.0,
        "perplexity": 2.718,
        "prompt_tps": 900.0,
        "decode_tps": 100.0,
        "first_token_seconds": 0.01,
        "memory_bytes": 5_000_000,
        "weight_bytes": 4_000_000,
        "parameters": 1_000_000,
        "trainable_parameters": 1_000,
        "seconds": 1.0,
        "answers": tuple(answers[flag] for flag in right),
        "right": tuple(right),
        "scores": {"exact": estimate(EXACT, pairs, answered)},
    }
    return Result(**{**figures, **changes})


def made_comparison(
    right: Mapping[str, Sequence[bool | None]], *, data: str = "test.jsonl", stopped: bool = False
) -> Comparison:
    """One question for each flag; ``yes`` is expected of all."""
    results = tuple(made_result(name, flags) for name, flags in right.items())
    count = len(results[0].right)
    questions = tuple(Question(i + 1, f"question {i}", (), "yes") for i in range(count))
    return Comparison(data, questions, results, stopped)
