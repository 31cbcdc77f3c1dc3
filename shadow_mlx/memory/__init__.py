"""Peak memory of a training run, from shapes alone.

``tracing`` records what one optimizer step computes, without computing it, as a ``graph``, and
``recomputation`` does gradient checkpointing to the record; ``liveness`` plays it as MLX schedules
it and counts bytes; ``estimate`` and ``verdict`` say what it means, for the batch that ``measure``
finds in the data; ``report`` is all of it in one answer. ``step_time`` computes such a step indeed,
and tells how long it takes.
"""
