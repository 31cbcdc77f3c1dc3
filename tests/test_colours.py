"""The colours that mean something are read well where they stand by default."""

from __future__ import annotations

import re

import pytest

from shadow_mlx.colours import colours
from shadow_mlx.evaluation.report.page import _asset
from tui.views.contrast import LEAST, Rgb, ratio


def rgb(colour: str) -> Rgb:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


@pytest.mark.parametrize("dark", [False, True])
def test_each_is_read_well_on_both_grounds_of_the_report(dark: bool) -> None:
    style = _asset("style.css")
    part = style.split(":root {")[2 if dark else 1]  # the first is for light ones
    grounds = [rgb(re.search(rf"--{name}: (#\w+)", part)[1]) for name in ("ground", "panel")]  # type: ignore[index]
    shown = {name: rgb(colour) for name, colour in colours(dark=dark).items()}
    for name in ("better", "worse"):
        found = re.search(rf"--{name}: (\d+) (\d+) (\d+)", part)
        assert found
        shown[name] = (int(found[1]), int(found[2]), int(found[3]))
    for name, colour in shown.items():
        for ground in grounds:
            assert ratio(colour, ground) >= LEAST, (name, colour, ground)


def test_no_two_are_alike() -> None:
    for dark in (False, True):
        found = colours(dark=dark)
        assert len(set(found.values())) == len(found)
    assert list(colours(dark=False)) == list(colours(dark=True))
