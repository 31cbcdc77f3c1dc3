"""Which BLAS MLX gets is decided when MLX is first imported, so each case has its own process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from shadow_mlx.blas import LIBRARIES, OFF_VARIABLE

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux loads OpenBLAS")


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@linux_only
def test_openblas_is_loaded_with_mlx_and_not_before() -> None:
    try:
        ctypes.CDLL(LIBRARIES[0])
        expected = LIBRARIES[0]
    except OSError:
        expected = "None"
    code = (
        "import shadow_mlx; from shadow_mlx import blas;"
        "before = 'openblas' in open('/proc/self/maps').read();"
        "import mlx.core; print(before, blas.state().library)"
    )
    assert python(code) == f"False {expected}"


@linux_only
def test_the_variable_turns_it_off() -> None:
    code = (
        "from shadow_mlx import blas; import mlx.core;"
        "print(blas.state()); print('libopenblas' in open('/proc/self/maps').read())"
    )
    out = python(code, **{OFF_VARIABLE: "1"})
    assert OFF_VARIABLE in out
    assert out.endswith("False")


@linux_only
def test_mlx_imported_first_is_reported() -> None:
    out = python("import mlx.core; from shadow_mlx import blas; print(blas.state().reason)")
    assert "before shadow_mlx" in out


@linux_only
def test_a_missing_library_is_not_an_error() -> None:
    code = (
        "from shadow_mlx import blas; blas.LIBRARIES = ('libno-such-blas.so',);"
        "import mlx.core; print(blas.state().reason)"
    )
    assert "no OpenBLAS on this system" in python(code)
