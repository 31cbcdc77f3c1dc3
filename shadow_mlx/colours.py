"""The colours that mean something, each stated once: the terminal UI and the HTML report use them.

One for each way of answering, wherever it is named or drawn; three more for what is laid beside
them, such as other runs. Green and red are left to right and wrong. All are read well (4.5 : 1) on
the grounds that the report has; the UI sees to it on whatever a theme has.
"""

from __future__ import annotations

from collections.abc import Mapping

OTHERS = ("other-1", "other-2", "other-3")
"""What is beside the three ways: other runs in a chart, rivals in a report."""

ON_DARK: Mapping[str, str] = {
    "base": "#a9b1bc",
    "attached": "#6cb0f5",
    "detached": "#f2a35a",
    "other-1": "#c39af0",
    "other-2": "#54cfc3",
    "other-3": "#ee8fc0",
}
ON_LIGHT: Mapping[str, str] = {
    "base": "#59626e",
    "attached": "#1d5fa8",
    "detached": "#9a4a08",
    "other-1": "#6b3fa0",
    "other-2": "#0d6660",
    "other-3": "#a02468",
}


def colours(*, dark: bool) -> Mapping[str, str]:
    """Each colour by what it stands for, for a dark or a light ground."""
    return ON_DARK if dark else ON_LIGHT
