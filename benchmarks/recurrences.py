"""How much quicker the gated delta rule trains than by mlx-lm's loop over tokens.

Run with ``python -m benchmarks.recurrences``: a random Qwen 3.5 (``qwen 3.5`` of
:mod:`benchmarks.memory`) trains both ways in one process, a step of each in turn, so that what else
the machine does falls on both. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

from benchmarks.memory import CASES, Case, trainer

LOOP, HERE = "mlx-lm's loop", "here"


def compared(case: Case, steps: int) -> dict[str, tuple[float, int]]:
    """Tokens a second and peak bytes of each way, without the first step, which compiles."""
    import mlx.core as mx

    from shadow_mlx.backbones import recurrences
    from shadow_mlx.memory.tracing import BatchShape

    batch = BatchShape(case.rows, case.width, case.trained).zeros()
    seconds, peaks = {LOOP: 0.0, HERE: 0.0}, {LOOP: 0, HERE: 0}
    with tempfile.TemporaryDirectory() as folder:
        training = {way: trainer(case, Path(folder)) for way in seconds}
    for number in range(1, steps + 2):
        for way, step in training.items():
            other = mock.patch.object(recurrences, "with_gradients", return_value=nullcontext())
            mx.reset_peak_memory()
            begun = time.perf_counter()
            with other if way == LOOP else nullcontext():
                step.finish(step.start(number, [batch], case.trained, [0.0, 1.0]))
            if number > 1:
                seconds[way] += time.perf_counter() - begun
                peaks[way] = max(peaks[way], mx.get_peak_memory())
    tokens = case.rows * case.width * steps
    return {way: (tokens / seconds[way], peaks[way]) for way in seconds}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4, help="that are counted, of each way")
    args = parser.parse_args(argv)
    case = next(case for case in CASES if case.name.startswith("qwen 3.5"))
    found = compared(case, args.steps)
    print("| way | tokens a second | peak of both models |\n|---|---|---|")
    for way, (pace, peak) in found.items():
        print(f"| {way} | {pace:,.0f} | {peak / 1e6:,.0f} MB |")
    print(f"\n{found[HERE][0] / found[LOOP][0]:.2f} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
