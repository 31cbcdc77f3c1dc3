"""A comparison as one HTML file: figures, plots, every example. Nothing here needs MLX."""

from shadow_mlx.evaluation.report.page import free_report_name, render, write_report

__all__ = ["free_report_name", "render", "write_report"]
