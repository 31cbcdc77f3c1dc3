"""Backbones, which are mlx-lm's: their folders, their decoder loops, their heads and limits."""
