"""From a terminal's bytes to the application's events, whatever the terminal delivers."""
