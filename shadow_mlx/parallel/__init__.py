"""Several processes, on one machine or several, that work as one: who is there, who does what."""
