import io
import math
from dataclasses import replace

import pytest

from shadow_mlx.cli.run_display import ProgressDisplay, training_figures
from shadow_mlx.runs.events import (
    Event,
    Noted,
    PhaseChanged,
    RunEnded,
    RunStarted,
    Sampled,
    Saved,
    Trained,
    Validated,
)

STARTED = RunStarted(
    time=0.0,
    total_steps=20,
    start_step=0,
    batch_size=4,
    backbone="sprout",
    trainable_parameters=8_600,
    backbone_parameters=1_300_000,
    train_examples=100,
    valid_examples=10,
    tokens_per_epoch=5_000,
    supervised_tokens_per_epoch=1_000,
    truncated_examples=0,
    dropped_examples=0,
    process_id=7,
)
TRAINED = Trained(
    time=0.0,
    step=10,
    losses={"loss": 1.25, "shadow_loss": 2.5},
    learning_rate=1e-3,
    gradient_norm=1.0,
    tokens_per_second=2_345.6,
    steps_per_second=3.0,
    trained_tokens=400,
    peak_memory_bytes=1_500_000_000,
    seconds_left=75.0,
    epoch=0.5,
)
EVENTS: list[Event] = [
    PhaseChanged(0.0, "loading", "sprout"),
    STARTED,
    PhaseChanged(0.0, "training"),
    TRAINED,
    Validated(0.0, 10, {"loss": 1.5, "shadow_loss": 2.75}, tokens=50, seconds=0.1, best=True),
    Sampled(0.0, 10, 1, "bring\nthe cup", "{cup}", " {cup}\n", "{c\x1b[31mat}" * 30, 0.2),
    Saved(0.0, 10, "run/checkpoints/step-000010", best=True),
    Noted(0.0, "warning", "odd \x1b[31mtext"),
    RunEnded(0.0, "done", 20, 10, 1.5, 9.0),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(stream: io.StringIO) -> str:
    with ProgressDisplay(stream) as display:
        for event in EVENTS:
            display(event)
    return stream.getvalue()


def test_plain_lines_where_there_is_no_terminal():
    text = show(io.StringIO())
    assert "\r" not in text
    assert "step 10/20: loss 1.250 (shadow 2.500), 2,346 tok/s, 1.50 GB, 1:15 left\n" in text
    assert "step 10: validation loss 1.500 attached, 2.750 detached, best so far\n" in text
    assert "step 10: asked bring the cup\n    expected {cup}\n" in text
    assert "\n    attached as expected\n    detached {c␛[31mat}{c" in text
    assert "step 10: saved\n" in text
    assert max(map(len, text.splitlines())) < 120
    assert "backbone sprout: 1.3M parameters, frozen; shadow: 8.6k trained (0.7%)\n" in text


def test_a_bar_on_a_terminal():
    text = show(Terminal())
    assert "| 10/20" in text
    assert "loss 1.250" in text
    assert "1:15 left" in text
    assert "validation loss 1.500" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["lines", "bar"])
def test_control_characters_never_reach_the_terminal(stream):
    assert "\x1b[31m" not in show(stream)


def test_a_resumed_bar_begins_where_the_run_stands():
    stream = Terminal()
    with ProgressDisplay(stream) as display:
        display(replace(STARTED, start_step=15))
    assert "| 15/20" in stream.getvalue()


@pytest.mark.parametrize(
    ("loss", "own", "said"),
    [
        (1.25, 0.5, "loss 1.250, own words 0.500, "),
        (1.25, math.nan, "loss 1.250, "),
        (math.nan, 0.5, "own words 0.500, "),
    ],
)
def test_what_was_learnt_of_the_shadows_own_words_is_told_by_itself(loss, own, said):
    event = replace(TRAINED, losses={"loss": loss, "on_policy_loss": own})
    figures = training_figures(event)
    assert figures.startswith(said)
    assert ("own words" in figures) != math.isnan(own)


def test_without_an_auxiliary_loss_there_is_none_to_show():
    assert "shadow" not in training_figures(
        replace(TRAINED, losses={"loss": 1.25, "shadow_loss": math.nan})
    )
