"""The matrix runs without MLX's compiler (:func:`tests.conftest.uncompiled`)."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _uncompiled(uncompiled: None) -> None:
    """For every test here."""
