"""Write uncertainty.json: what scipy and scikit-learn compute of answers that are right or wrong.

Run with numpy, scipy and scikit-learn installed (see README.md):

    python tests/golden/make_uncertainty.py

Labels stand as numbers; -1 is an answer that is no label at all. `share` and `macro_f1` have the
bounds of the percentile bootstrap: scipy's for the share, resampled by hand for the F1.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from scipy.stats import binomtest, bootstrap
from sklearn.metrics import f1_score

HERE = Path(__file__).parent
DISCORDANT = [(0, 0), (1, 0), (5, 0), (6, 0), (3, 9), (20, 35), (200, 260), (4000, 4300)]
SIZES = (40, 150, 600)
DRAWS = 20_000


def macro_f1(expected: np.ndarray, answered: np.ndarray) -> float:
    labels = sorted(set(expected.tolist()))
    return float(f1_score(expected, answered, labels=labels, average="macro", zero_division=0))


def case(size: int) -> dict[str, Any]:
    """Answers of one model, six in ten of them right, with their scores."""
    rng = np.random.default_rng(size)
    expected = rng.integers(0, 6, size)
    answered = np.where(rng.random(size) < 0.6, expected, rng.integers(-1, 6, size))
    right = (expected == answered).astype(float)
    share = bootstrap(
        (right,), np.mean, method="percentile", n_resamples=DRAWS, rng=np.random.default_rng(1)
    ).confidence_interval
    drawn = [
        macro_f1(expected[chosen], answered[chosen])
        for chosen in (rng.integers(0, size, size) for _ in range(DRAWS // 10))
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "expected": expected.tolist(),
        "answered": answered.tolist(),
        "share": [right.mean(), share.low, share.high],
        "macro_f1": [macro_f1(expected, answered), low, high],
    }


if __name__ == "__main__":
    golden = {
        "versions": {"scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "mcnemar": [
            [*pair, binomtest(pair[0], sum(pair)).pvalue if sum(pair) else 1.0]
            for pair in DISCORDANT
        ],
        "none_or_all": [
            [size, binomtest(size, size).proportion_ci(0.95, "exact").low] for size in (1, 5, 300)
        ],
        "answers": [case(size) for size in SIZES],
    }
    path = HERE / "uncertainty.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n", encoding="utf-8")
