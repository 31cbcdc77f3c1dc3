"""A C++ compiler that reads what all of MLX's kernels begin with from a precompiled header.

On a CPU MLX has a compiler build each fused kernel when it is first needed: the tests need some six
hundred, and three quarters of the time for each go into reading the same header. What is compiled,
and how, stays as it is: where the header does not fit, the compiler reads the source as ever.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from shlex import quote

PREAMBLE = Path("mlx/backend/cpu/compiled_preamble.h")

COMPILER = """\
#!/bin/sh
# Whoever comes first makes the header, with MLX's own flags: others would make it unfit.
if [ ! -e {header} ]; then
  {real} -std=c++17 -O3 -fPIC -w -x c++-header -I {sources} {source} -o {header}.$$ 2>/dev/null &&
    mv {header}.$$ {header}
fi
exec {real} -I {folder} "$@"
"""


def precompile(folder: Path) -> None:
    """Put such a compiler first on the path of this process and of those that it starts.

    Args:
        folder: Takes the compiler, and 50 MB with the header at its first use.
    """
    real, mlx = shutil.which("g++"), find_spec("mlx.core")
    if sys.platform != "linux" or real is None or mlx is None or mlx.origin is None:
        return
    sources, header = Path(mlx.origin).parent / "include", folder / f"{PREAMBLE}.gch"
    header.parent.mkdir(parents=True)
    paths = {
        "real": real, "folder": folder, "header": header,
        "sources": sources, "source": sources / PREAMBLE,
    }  # fmt: skip
    compiler = folder / "g++"
    compiler.write_text(COMPILER.format(**{name: quote(str(it)) for name, it in paths.items()}))
    compiler.chmod(0o755)
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ["PATH"]])
