"""The projection of an explicit shadow: what makes the backbone's head say what its own would.

Shapes: ``D`` backbone width, ``D_s`` shadow width, ``V`` tokens that both have.
"""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import numpy.typing as npt
from jaxtyping import Float

from shadow_mlx.backbones.decoder import Decoder
from shadow_mlx.backbones.head import HeadView
from shadow_mlx.shadow.network import embedding_width

_ROWS = 64  # of a unit matrix that the head is asked for at once
_RIDGE = 1e-12  # of the largest diagonal entry: a channel that no token reads is left alone


def fitted_projection(
    shadow: Decoder, backbone: Decoder
) -> tuple[Float[mx.array, "hidden shadow"], float]:
    """``P`` that minimises ``‖W_b · P − W_s‖``, over the rows of the two heads, in float64.

    Where it vanishes, the backbone's head gives of ``P · s`` the logits that the shadow's own head
    gives of ``s``.

    Args:
        shadow: A small language model, its head still there.
        backbone: The backbone.

    Returns:
        ``P``, float32[D, D_s], and what is left of the shadow's head, as a share of its norm.
    """
    own, theirs = head_matrix(shadow), head_matrix(backbone)
    tokens = min(len(own), len(theirs))
    own, theirs = own[:tokens].astype(np.float64), theirs[:tokens].astype(np.float64)
    square, cross = theirs.T @ theirs, theirs.T @ own
    square += _RIDGE * square.diagonal().max() * np.eye(len(square))
    projection = np.linalg.solve(square, cross)
    left = np.linalg.norm(theirs @ projection - own) / np.linalg.norm(own)
    return mx.array(projection.astype(np.float32)), float(left)


def head_matrix(decoder: Decoder) -> npt.NDArray[np.float32]:
    """The head as a matrix ``[V, D]``, whatever it is made of; a bias is left out."""
    width, head = embedding_width(decoder), HeadView(decoder)
    unit = mx.eye(width)
    nothing = head(mx.zeros((1, width))).astype(mx.float32)
    rows = []
    for start in range(0, width, _ROWS):
        rows.append(np.array(head(unit[start : start + _ROWS]).astype(mx.float32) - nothing))
    return np.concatenate(rows).T
