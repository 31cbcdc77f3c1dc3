"""The checks that keep the code as it is meant to be, proven by the same command as the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent

CHECKS = {
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "direction of imports": ["lint-imports"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_quality(check: str) -> None:
    program, *arguments = CHECKS[check]
    done = subprocess.run(
        [str(SCRIPTS / program), *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
