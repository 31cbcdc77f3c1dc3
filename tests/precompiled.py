"""A C++ compiler that reads what all of MLX's kernels begin with from a precompiled header.

On a CPU MLX has a compiler build each fused kernel when it is first needed: the tests need some six
hundred, and nine tenths of the time for each go into reading the same header. What is compiled,
and how, stays as it is: where the header does not fit, the compiler reads the source as ever.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PREAMBLE = Path("mlx/backend/cpu/compiled_preamble.h")
AS_MLX_COMPILES = ("-std=c++17", "-O3", "-fPIC")  # others would make the header unfit


def precompile(folder: Path) -> None:
    """Put such a compiler first on the path of this process and of those that it starts.

    Args:
        folder: Takes the header and the compiler; 50 MB.
    """
    compiler, mlx = shutil.which("g++"), find_spec("mlx.core")
    if sys.platform != "linux" or compiler is None or mlx is None or mlx.origin is None:
        return
    sources = Path(mlx.origin).parent / "include"
    header = (folder / PREAMBLE).with_suffix(".h.gch")
    header.parent.mkdir(parents=True)
    kind = ["-w", "-x", "c++-header", "-I", sources]
    command = [compiler, *AS_MLX_COMPILES, *kind, sources / PREAMBLE, "-o", header]
    if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
        return
    program = folder / "g++"
    program.write_text(f'#!/bin/sh\nexec {compiler} -I {shlex.quote(str(folder))} "$@"\n')
    program.chmod(0o755)
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ["PATH"]])
