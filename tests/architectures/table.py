"""Writes the table of architectures in the documents: ``python -m tests.architectures.table``.

Every cell is a claim of :mod:`tests.architectures.families`, and every claim is a test.
"""

from __future__ import annotations

from pathlib import Path

from tests.architectures.families import FAMILIES
from tests.architectures.refused import REFUSED

PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"
START, END = "<!-- architectures:start -->", "<!-- architectures:end -->"
INTRODUCTION = f"""\
{len(FAMILIES)} of mlx-lm's decoder families carry a shadow. Each is tested as a tiny random model:
an untrained shadow changes no bit, cached decoding equals the full forward (attached and detached),
the mirror has the family's own kinds of layer, and gradients reach everything that is trained.
*Takes tokens back* says when mlx-lm can trim the family's prompt cache (speculative decoding and
cache reuse need it); *batches* whether `BatchGenerator` answers unequal prompts as each alone;
*packs* whether `--packing` lays several examples in a row, which trains as each by itself.
"""
REFUSAL = """\
These do not, because of what their decoder loop does; the error says so before anything is trained:
"""
UNTESTED = """\
Not in the matrix: BitNet and Muse Spark (mlx-lm has kernels for Metal only), Phi 3 Small (crashes
MLX on the CPU), RecurrentGemma and PLaMo 3 (mlx-lm's own model does not load, or answers otherwise
from its cache than without), OLMo 1 (needs another package).
"""


def table() -> str:
    """The text between the markers, without them."""
    lines = [INTRODUCTION]
    lines += [
        "| Model | `model_type` | Takes tokens back | Batches | Packs |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {f.title} | `{f.name}` | {f.trims} | {_or(f.unbatched)} | {_or(f.apart)} |"
        for f in sorted(FAMILIES, key=lambda f: f.title.lower())
    ]
    lines += ["", REFUSAL, "| Model | `model_type` | Why not |", "|---|---|---|"]
    lines += [
        f"| {r.title} | `{r.name}` | {r.reason} |"
        for r in sorted(REFUSED, key=lambda r: r.title.lower())
    ]
    return "\n".join([*lines, "", UNTESTED])


def _or(reason: str | None) -> str:
    return "yes" if reason is None else f"no: {reason}"


def written(page: str) -> str:
    """The page with the table of now between its markers.

    Raises:
        ValueError: The markers are missing.
    """
    before, found, rest = page.partition(START)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{PAGE.name} has no {START} … {END}")
    return f"{before}{START}\n{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
