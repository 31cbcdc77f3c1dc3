"""Every family that mlx-lm can split: two parts answer and learn as the whole does."""

from __future__ import annotations

import json
from pathlib import Path

from shadow_mlx.backbones.sharding import families
from shadow_mlx.backbones.whole_gradients import NOT_WHOLE
from tests.architectures.in_parts import split_families
from tests.architectures.matrix import TOLERANCE
from tests.architectures.refused import REFUSED
from tests.parallel.launching import run

UNTRIED = {"muse_spark"}  # its kernels are for Metal alone


def test_two_parts_are_the_whole(tmp_path: Path) -> None:
    (found, _), _ = run(tmp_path, [], program=("-m", "tests.architectures.in_parts"))
    results = json.loads(found)
    assert results.keys() == {family.name for family in split_families()}
    for name, told in results.items():
        assert told["logits"] < TOLERANCE, name
        assert told["share"] < 0.7, name
        assert (told["refused"] != "") == (name in NOT_WHOLE), name
        assert (told["gradients"] < TOLERANCE) == (name not in NOT_WHOLE), name


def test_every_family_that_can_be_split_is_tried_or_cannot_carry_a_shadow() -> None:
    tried = {family.name for family in split_families()}
    assert set(families()) - tried - {one.name for one in REFUSED} == UNTRIED
