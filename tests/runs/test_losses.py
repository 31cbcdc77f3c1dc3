import math

import pytest

from shadow_mlx.runs.losses import gathered, in_words, is_loss, qualified, spread

LOSSES = {"loss": 1.5, "shadow_loss": 2.75}


def test_losses_lie_among_the_other_values_in_their_place():
    record = {"step": 3, "losses": LOSSES | {"odd_loss": math.inf}, "tokens": 7}
    flat = spread(record)
    assert list(flat.items()) == [
        ("step", 3), ("loss", 1.5), ("shadow_loss", 2.75), ("odd_loss", None), ("tokens", 7),
    ]  # fmt: skip
    assert gathered(flat)["losses"] == LOSSES | {"odd_loss": None}
    assert not any(map(is_loss, ("lossy", "losses", "tokens", "glossloss")))


@pytest.mark.parametrize(("name", "key"), [("loss", "val_loss"), ("odd_loss", "odd_val_loss")])
def test_a_word_goes_before_loss(name, key):
    assert qualified(name, "val") == key


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (LOSSES, "1.500 attached, 2.750 detached"),
        ({"loss": 1.5}, "1.500"),
        ({"loss": 1.5, "teacher_loss": 2.0}, "1.500, 2.000 teacher loss"),
    ],
)
def test_a_person_reads_whose_they_are(losses, words):
    assert in_words(losses) == words
