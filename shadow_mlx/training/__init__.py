"""Training: losses, optimizers, the compiled step, the loop, and what assembles a run."""
