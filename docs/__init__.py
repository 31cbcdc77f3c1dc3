"""What the documentation shows, and the scripts that make it."""
