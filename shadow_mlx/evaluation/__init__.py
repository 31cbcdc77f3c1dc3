"""Measured answers: how good, how fast and how large base, attached and detached are."""
