"""The line of the curves' names: whole where there is room, and otherwise what matters most."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.style import Style
from rich.text import Text

from tui.views.legend import Entry, legend

ENTRIES = [
    Entry("valid", "o attached", "0.270", Style(bold=True)),
    Entry("valid", "x detached", "0.770", Style()),
    Entry("train", "─ attached", "0.170", Style()),
    Entry("train", "╌ detached", "0.570", Style()),
    Entry("", "1 other", "0.300", Style()),
]
WHOLE = (
    "loss  valid o attached 0.270  x detached 0.770  train ─ attached 0.170  ╌ detached 0.570  "
    "1 other 0.300  ★ best 0.270 @300"
)


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (len(WHOLE), WHOLE),
        (len(WHOLE) - 1, WHOLE.replace(" 0.170", "").replace(" 0.570", "")),
        (
            len(WHOLE) - 13,
            "loss  valid o attached 0.270  x detached 0.770  train ─  ╌  1 other 0.300  "
            "★ best 0.270 @300",
        ),
        (
            90,
            "loss  valid o attached 0.270  x detached 0.770  train ─  ╌  1 other 0.300  ★ best",
        ),
        (
            80,
            "loss  valid o attached 0.270  x detached 0.770  train ─  ╌  1 other 0.300",
        ),
        (40, "loss  valid o attached 0.270  x detached 0.770"[:39] + "…"),
    ],
)
def test_what_does_not_fit_is_left_out_by_its_weight(width: int, expected: str) -> None:
    best = Text("★ best 0.270 @300")
    line = legend(Text("loss  "), ENTRIES, best, width)
    assert line.plain == expected
    assert line.cell_len <= width
    assert line.get_style_at_offset(Console(), line.plain.index("o ")).bold


def test_without_a_best_one_there_is_no_sign_of_it() -> None:
    assert legend(Text("loss "), ENTRIES[:1], Text(), 80).plain == "loss valid o attached 0.270"
