"""Weights that a model writes over while it computes are written once, beforehand.

AltUp (Gemma 3n) widens and clips its coefficients at every call, and keeps what comes of it. Inside
of a recording or of a gradient that would be an array which does not outlive it. Here both are
done, and the setting is taken back: what the model computes stays the same.
"""

from __future__ import annotations

import mlx.core as mx

from shadow_mlx.backbones.decoder import Decoder


def settle(decoder: Decoder) -> None:
    """Do to the decoder's weights what its own calls would do to them, in place."""
    mixers = [block["altup"] for block in decoder.blocks if "altup" in block]
    for mixer in mixers:
        limit = mixer.config.altup_coef_clip
        for coefficients in (mixer.prediction_coefs, mixer.correction_coefs):
            weight = coefficients.weight.astype(mx.float32)
            coefficients.weight = weight if limit is None else mx.clip(weight, -limit, limit)
    for mixer in mixers:  # their settings are one object
        mixer.config.altup_coef_clip = None
