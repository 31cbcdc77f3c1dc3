"""What the pages show, as values and texts: pure modules that know no widget."""
