"""The terminal UI, started with ``shadow-mlx tui``.

It never imports MLX: training runs as the ordinary command line in a process of its own, and
everything that needs a model runs in a worker child (:mod:`shadow_mlx.worker`). What
is known of runs comes from :mod:`shadow_mlx.runs`.
"""
