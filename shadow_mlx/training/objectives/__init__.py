"""What a run can train for: one objective to a module."""
