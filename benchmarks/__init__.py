"""Measurements that the documentation quotes; each prints the table that it stands in."""

import shadow_mlx  # noqa: F401  # before anything imports mlx: it prepares OpenBLAS on Linux
