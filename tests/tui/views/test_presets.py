"""Presets: good settings by themselves, and what a person set stays."""

from __future__ import annotations

import pytest

from shadow_mlx.config import TrainConfig
from tui.views import form
from tui.views.presets import PRESETS, applied, current, meaning, names_of

DATA = {"data": "x.jsonl"}


@pytest.mark.parametrize("group", PRESETS)
def test_each_preset_is_good_and_shown_as_what_it_is(group: type[TrainConfig]) -> None:
    for name in names_of(group):
        found = applied(group, name, DATA)
        assert form.filled_in(group, found.texts)[1] == {}
        assert (found.kept, current(group, found.texts)) == ({}, name)


def test_from_one_to_another_nothing_is_left_of_the_first() -> None:
    thorough = applied(TrainConfig, "thorough", DATA).texts
    assert thorough == {**DATA, "epochs": "6", "patience": "5"}
    quick = applied(TrainConfig, "quick", thorough).texts
    assert {key: text for key, text in quick.items() if text} == {**DATA, "epochs": "1"}
    assert meaning(TrainConfig, "thorough") == "epochs 6, patience 5"


def test_what_a_person_set_stays_and_is_told() -> None:
    found = applied(TrainConfig, "thorough", {**DATA, "epochs": "2"})
    assert found.texts == {**DATA, "epochs": "2", "patience": "5"}
    assert found.kept == {"epochs": "you set it to 2"}
    assert current(TrainConfig, {**DATA, "epochs": "2"}) == ""


def test_what_goes_against_another_option_is_left_out() -> None:
    texts = {**DATA, "iters": "30", "val_batches": "0"}
    found = applied(TrainConfig, "thorough", texts)
    assert {key: text for key, text in found.texts.items() if text} == texts
    assert "--iters and --epochs" in found.kept["epochs"]
    assert "--patience needs validation" in found.kept["patience"]
    assert current(TrainConfig, texts) == ""
