"""A child process that holds what is heavy for somebody who must stay light (the terminal UI).

It reads requests from stdin and writes replies to stdout, one JSON object a line; see
:mod:`shadow_mlx.worker.messages`. Start it with ``python -m shadow_mlx.worker``. MLX is imported
only by the requests that need it, so looking at data stays quick.
"""
