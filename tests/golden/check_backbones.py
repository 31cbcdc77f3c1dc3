"""Compare the plain backbones of families.json in mlx-lm with what transformers computed.

Run in the project's own environment, after `make_families.py`:

    python tests/golden/check_backbones.py

A family that differs here differs for a reason that has nothing to do with the shadow: a config key
under another name, or two libraries that disagree. Exits 1 if a family without a recorded reason
(`backbone_differs`) is off.
"""

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from deterministic import load_golden, write_backbone
from mlx_lm.utils import load_model

HERE = Path(__file__).parent
TOLERANCE = 1e-4


def largest_difference(name: str, entry: dict[str, Any], arrays: Any, root: Path) -> float:
    """The largest difference of any logit."""
    folder = write_backbone(root / name, entry["config"], entry["tensors"], for_mlx=True)
    model, _ = load_model(folder)
    logits = model(mx.array(arrays[f"{name}/ids"]))
    return float(np.abs(np.array(logits) - arrays[f"{name}/base"]).max())


def main() -> int:
    """Print one line a family; the exit code says whether all agree."""
    golden, arrays = load_golden(HERE / "families.json")
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        for name, entry in golden["families"].items():
            expected = entry.get("backbone_differs")
            try:
                found = largest_difference(name, entry, arrays, Path(root))
            except Exception as error:  # noqa: BLE001  one family's failure must not hide the next
                found, text = float("inf"), f"{type(error).__name__}: {error}"
                if expected is None:
                    traceback.print_exc(limit=-1)
            else:
                text = f"{found:.1e}"
            bad = found > TOLERANCE and expected is None
            failed += bad
            print(f"{name:18} {text} {'DIFFERS' if bad else expected or ''}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
