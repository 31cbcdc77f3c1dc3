"""A comparison as one HTML file: figures, plots, every example. Nothing here needs MLX."""

from shadow_mlx.evaluation.report.page import render, write_report

__all__ = ["render", "write_report"]
