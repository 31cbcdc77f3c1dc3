"""What stands under an answer."""

from __future__ import annotations

import dataclasses

from shadow_mlx.worker import messages as m
from tui.views.chat_view import cost

ANSWER = m.Answered(1, "attached", "yes", 7, 20, 3, 900.0, 55.0, 42_000_000, "stop", 0.02)


def test_the_cost_of_an_answer_names_drafts_that_were_taken() -> None:
    assert cost(ANSWER) == "7 tokens · 55/s · first after 20 ms"
    undrafted = dataclasses.replace(ANSWER, tokens_per_pass=1.0, speedup=1.0)
    assert cost(undrafted) == cost(ANSWER)
    drafted = dataclasses.replace(ANSWER, tokens_per_pass=3.5, speedup=2.13)
    assert cost(drafted) == (
        "7 tokens · 55/s · 3.5 tokens a pass (2.1 × as fast) · first after 20 ms"
    )
