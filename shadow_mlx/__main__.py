"""``python -m shadow_mlx`` is ``shadow-mlx``."""

from __future__ import annotations

import sys

from shadow_mlx.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
