"""Runs: the folder that a training writes, its record, and what it says while it lives."""
