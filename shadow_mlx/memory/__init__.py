"""Peak memory of a training run, from shapes alone.

``skeleton`` builds the backbone from its ``config.json``; ``tracing`` records what one optimizer
step computes, without computing it, as a ``graph``; ``fusion`` and ``recomputation`` change the
record as MLX does when it runs; ``liveness`` plays it, in MLX's ``order``, and counts bytes;
``estimate`` and ``verdict`` say what it means; ``report`` is all of it in one answer.
"""
