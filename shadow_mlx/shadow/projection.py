"""The projection of an explicit shadow: what makes the backbone's head say what its own would.

Shapes: ``D`` backbone width, ``D_s`` shadow width, ``V`` tokens that both have.
"""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx
import numpy as np
import numpy.typing as npt
from jaxtyping import Float

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.shadow.network import embedding_width

_TOKENS = 8192  # whose rows are in float64 at once
_ROWS = 64  # of a unit matrix that the head is asked for at once
_RIDGE = 1e-12  # of the largest diagonal entry: a channel that no token reads is left alone


def fitted_projection(
    own: npt.NDArray[np.float32], backbone: Decoder
) -> tuple[Float[mx.array, "hidden shadow"], float]:
    """``P`` that minimises ``‖W_b · P − W_s‖``, over the rows of the two heads, in float64.

    Where it vanishes, the backbone's head gives of ``P · s`` the logits that the shadow's own head
    gives of ``s``.

    Args:
        own: The shadow's own head ``[V, D_s]``, of which not all is zero.
        backbone: The backbone.

    Returns:
        ``P``, float32[D, D_s], and what is left of the shadow's head, as a share of its norm.
    """
    theirs = head_matrix(backbone)
    tokens = min(len(own), len(theirs))
    width, narrow = theirs.shape[1], own.shape[1]
    square, cross = np.zeros((width, width)), np.zeros((width, narrow))
    for wide, rows in _in_float64(theirs[:tokens], own[:tokens]):
        square += wide.T @ wide
        cross += wide.T @ rows
    square += _RIDGE * square.diagonal().max() * np.eye(width)
    projection = np.linalg.solve(square, cross)
    return mx.array(projection.astype(np.float32)), _unsaid(own, projection, theirs)


def unsaid(
    own: npt.NDArray[np.float32], projection: Float[mx.array, "hidden shadow"], backbone: Decoder
) -> float:
    """``‖W_b · P − W_s‖`` as a share of ``‖W_s‖``, for a projection that is there already."""
    return _unsaid(own, np.array(projection.astype(mx.float32)), head_matrix(backbone))


def _unsaid(
    own: npt.NDArray[np.float32],
    projection: npt.NDArray[np.floating],
    theirs: npt.NDArray[np.float32],
) -> float:
    tokens = min(len(own), len(theirs))
    left = norm = 0.0
    for wide, rows in _in_float64(theirs[:tokens], own[:tokens]):
        left += float(np.square(wide @ projection - rows).sum())
        norm += float(np.square(rows).sum())
    return float(np.sqrt(left / norm))


def _in_float64(*matrices: npt.NDArray[np.float32]) -> Iterator[list[npt.NDArray[np.float64]]]:
    """Some rows of each at a time: a table of 150,000 tokens has gigabytes of them."""
    for start in range(0, len(matrices[0]), _TOKENS):
        yield [matrix[start : start + _TOKENS].astype(np.float64) for matrix in matrices]


def head_matrix(decoder: Decoder) -> npt.NDArray[np.float32]:
    """A decoder's head as :func:`matrix_of` has it."""
    return matrix_of(HeadView(decoder), embedding_width(decoder))


def matrix_of(head: HeadView, width: int) -> npt.NDArray[np.float32]:
    """A head as a matrix ``[V, D]``, whatever it is made of; a bias is left out.

    Args:
        head: The head.
        width: ``D``.
    """
    unit = mx.eye(width)
    nothing = head(mx.zeros((1, width))).astype(mx.float32)
    rows = []
    for start in range(0, width, _ROWS):
        rows.append(np.array(head(unit[start : start + _ROWS]).astype(mx.float32) - nothing))
    return np.concatenate(rows).T
