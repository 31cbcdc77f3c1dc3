"""What a run is put together of, as its options say."""

import pytest


def test_the_options_decide_which_parts_there_are(make_parts):
    parts = make_parts(samples=2, aux_weight=0.3, clip=0.7, iters=5)
    assert parts.sampler is not None
    assert parts.validator.model is parts.step.model is parts.model
    assert parts.validator.objective is parts.step.objective
    assert parts.step.objective.weights["aux_weight"].item() == pytest.approx(0.3)
    assert parts.step.clip == 0.7
    assert (parts.length.steps, parts.step.is_compiled) == (5, True)
    assert len(parts.train) + parts.valid_examples == 48
    assert make_parts(samples=0).sampler is None
    without = make_parts(val_batches=0, samples=2)
    assert (without.validator, without.sampler, without.valid_examples) == (None, None, 0)
