"""Choosing the likeliest label; accuracy that is fair to rare ones."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np

from shadow_mlx.evaluation.labels import LabelPrompt, choose, mean_over_texts
from shadow_mlx.runs.events import StopToken

END = 0
YES, NO, MAYBE = (1, END), (2, END), (1, 3, END)
LABELS = ("yes", "no", "maybe")
NOTHING = 9


class Table:
    """A model whose next token depends on the last one alone, by a table of log-probabilities."""

    def __init__(self, rows: dict[int, dict[int, float]]) -> None:
        table = np.full((10, 10), np.log(1e-4))
        for last, row in rows.items():
            for token, share in row.items():
                table[last, token] = np.log(share)
        self.table = mx.array(table.astype(np.float32))

    def __call__(self, inputs: mx.array, cache: Any = None) -> mx.array:
        return self.table[inputs]

    def make_cache(self) -> list[Any]:
        return []


MODEL = Table(
    {
        5: {1: 0.6, 2: 0.4},
        6: {1: 0.45, 2: 0.55},
        NOTHING: {1: 0.8, 2: 0.2},
        1: {END: 0.4, 3: 0.6},
        2: {END: 1.0},
        3: {END: 1.0},
    }
)
ANSWERS = [YES, NO, MAYBE]


def prompts(*lasts: int, free: tuple[int, ...] = ()) -> list[LabelPrompt]:
    return [LabelPrompt((7, last), ANSWERS, tuple((7, one) for one in free)) for last in lasts]


def test_the_whole_of_a_label_counts_with_its_end() -> None:
    # yes 0.24 and 0.18, no 0.4 and 0.55, maybe 0.36 and 0.27: a first token decides nothing
    assert choose(MODEL, prompts(5, 6), LABELS) == ["no", "no"]


def test_calibrated_a_label_that_is_liked_anyway_is_liked_less() -> None:
    # nothing said: yes 0.32, no 0.2, maybe 0.48
    assert choose(MODEL, prompts(5, 6, NOTHING, free=(NOTHING,)), LABELS) == ["no", "no", "yes"]
    # the mean over two texts: yes 0.28, no 0.3, maybe 0.42
    (chosen,) = choose(MODEL, prompts(5, free=(NOTHING, 5)), LABELS)
    assert chosen == "no"


def test_a_calibration_is_the_mean_of_the_texts_shares() -> None:
    scores = [np.log([0.1, 0.3]), np.log([0.02, 0.02])]  # shares 1/4, 3/4 and 1/2, 1/2
    assert np.allclose(np.exp(mean_over_texts(scores)), [0.375, 0.625])


def test_progress_and_a_stop_between_questions() -> None:
    stop, done = StopToken(), list[tuple[int, str]]()

    def on_answer(place: int, label: str) -> None:
        done.append((place, label))
        if place == 1:
            stop.stop()

    chosen = choose(MODEL, prompts(5, 6, 5), LABELS, on_answer=on_answer, stop=stop)
    assert chosen == ["no", "no", None]
    assert done == [(0, "no"), (1, "no")]
