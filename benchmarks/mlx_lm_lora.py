"""mlx-lm's own LoRA command, with the matrix product that shadow-mlx gives MLX on Linux."""

from __future__ import annotations

import runpy

runpy.run_module("mlx_lm.lora", run_name="__main__")
