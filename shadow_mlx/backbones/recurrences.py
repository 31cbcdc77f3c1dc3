"""Recurrences over tokens that a gradient goes through, while a training step is traced.

mlx-lm has two ways through them: kernels, which have no gradient, and a loop in Python, which it
takes while a model trains: a dozen operations for each token, and a state kept for each.

The gated delta rule (Qwen 3.5, Qwen3-Next, Kimi Linear, OLMo Hybrid) trains through MLX's own
operation on a GPU, where that is a kernel with a gradient. On a CPU it is the loop again, and what
it is documented for is one gate a head: elsewhere the rule is computed here by chunks, with matrix
products inside of a chunk and a state for each chunk alone.

    S_t = S_{t-1} diag(g_t) + δ_t k_tᵀ,   δ_t = β_t (v_t − S_{t-1} diag(g_t) k_t),   y_t = S_t q_t

With Γ the product of the gates since the chunk's begin, and S the state there,

    (I + A) Δ = β ⊙ (V − (Γ ⊙ K) Sᵀ),   A_ti = β_t k_tᵀ diag(Γ_t / Γ_i) k_i  for i < t,

so that one small triangular inverse makes all δ of a chunk (the chunked form of Yang et al., "Gated
Delta Networks", 2024). RWKV 7 asks for its kernel whenever there is one; here it gets its loop.

B batch, T tokens, H heads, N chunks, C tokens of a chunk, D_k and D_v widths of keys and values.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import mlx.core as mx
from mlx_lm.models import gated_delta

CHUNK = 16
_NO_GATE = 1e-30  # a gate below it forgets all; its logarithm must be a number

_loop = gated_delta.gated_delta_ops


@contextmanager
def with_gradients(kernels: bool = True) -> Iterator[None]:
    """While a training step is traced inside, mlx-lm's models compute recurrences as told above.

    Args:
        kernels: Whether MLX's own operation may be among it: what a kernel holds cannot be told.
    """
    rwkv: Any = sys.modules.get("mlx_lm.models.rwkv7")
    kernel = getattr(rwkv, "wkv7_kernel", None)
    gated_delta.gated_delta_ops = delta_rule if kernels else partial(delta_rule, kernel=False)
    if rwkv is not None:
        rwkv.wkv7_kernel = _wkv7
    try:
        yield
    finally:
        gated_delta.gated_delta_ops = _loop
        if rwkv is not None:
            rwkv.wkv7_kernel = kernel


def delta_rule(
    q: mx.array,
    k: mx.array,
    v: mx.array,
    g: mx.array,
    beta: mx.array,
    state: mx.array | None = None,
    mask: mx.array | None = None,
    *,
    kernel: bool = True,
) -> tuple[mx.array, mx.array]:
    """The gated delta rule as mlx-lm's loop has it, to float error.

    Args:
        q: ``[B, T, H_k, D_k]``.
        k: ``[B, T, H_k, D_k]``.
        v: ``[B, T, H, D_v]``; H is a multiple of H_k.
        g: Gates, one a head or one a channel: ``[B, T, H]`` or ``[B, T, H, D_k]``.
        beta: ``[B, T, H]``.
        state: ``[B, H, D_v, D_k]`` before the first token; zeros without it.
        mask: Tokens that count, ``[B, T]``; training has none.
        kernel: Whether a GPU may use MLX's own operation.

    Returns:
        ``[B, T, H, D_v]``, and the state behind the last token.
    """
    if mask is not None or q.shape[1] == 1:
        return _loop(q, k, v, g, beta, state, mask)
    if state is None:
        state = mx.zeros((q.shape[0], *v.shape[2:], q.shape[3]), dtype=mx.float32)
    if kernel and mx.default_device() == mx.gpu and g.ndim == beta.ndim:
        y, state = mx.fast.gated_delta_update(q, k, v, g, beta, state)
        return y, state
    return _by_chunks(q, k, v, g, beta, state)


def _by_chunks(
    q: mx.array, k: mx.array, v: mx.array, g: mx.array, beta: mx.array, state: mx.array
) -> tuple[mx.array, mx.array]:
    length, dtype = q.shape[1], q.dtype
    repeats = v.shape[2] // q.shape[2]
    queries, keys = (_chunked(mx.repeat(x, repeats, axis=2)) for x in (q, k))  # [B, H, N, C, D_k]
    values = _chunked(v)  # [B, H, N, C, D_v]
    update = _chunked(beta[..., None])  # [B, H, N, C, 1]
    logs = mx.log(mx.maximum(g.astype(mx.float32), _NO_GATE))
    logs = mx.cumsum(_chunked(logs if logs.ndim == 4 else logs[..., None]), axis=-2)  # log Γ
    since, whole = mx.exp(logs), logs[..., -1:, :]

    before = mx.tri(CHUNK, k=-1)
    inverse = _inverse(update * _pairs(keys, keys, logs) * before)
    fresh = inverse @ (update * values)
    remembered = inverse @ (update * since * keys)
    kept, leading = mx.exp(whole), keys * mx.exp(whole - logs)
    begins, deltas = [], []
    for n in range(queries.shape[2]):
        begins.append(state)
        deltas.append(fresh[:, :, n] - remembered[:, :, n] @ state.swapaxes(-1, -2))
        state = state * kept[:, :, n] + deltas[-1].swapaxes(-1, -2) @ leading[:, :, n]
    begin, delta = mx.stack(begins, axis=2), mx.stack(deltas, axis=2)
    seen = _pairs(queries, keys, logs) * mx.tri(CHUNK)
    y = (since * queries) @ begin.swapaxes(-1, -2) + seen @ delta
    y = y.reshape(*y.shape[:2], -1, y.shape[-1]).swapaxes(1, 2)[:, :length]
    return y.astype(dtype), state


def _chunked(x: mx.array) -> mx.array:
    """``[B, T, H, D]`` as float32 ``[B, H, N, C, D]``, with zeros to the end of the last chunk."""
    b, length, heads, width = x.shape
    x = mx.pad(x.astype(mx.float32), [(0, 0), (0, -length % CHUNK), (0, 0), (0, 0)])
    return x.reshape(b, -1, CHUNK, heads, width).transpose(0, 3, 1, 2, 4)


def _pairs(x: mx.array, k: mx.array, logs: mx.array) -> mx.array:
    """``x_tᵀ diag(Γ_t / Γ_i) k_i`` for ``i ≤ t``, ``[B, H, N, C, C]``; elsewhere some number."""
    between = mx.minimum(logs[..., :, None, :] - logs[..., None, :, :], 0)  # [.., C, C, 1 or D_k]
    if logs.shape[-1] == 1:
        return (x @ k.swapaxes(-1, -2)) * mx.exp(between[..., 0])
    return (x[..., :, None, :] * k[..., None, :, :] * mx.exp(between)).sum(-1)


def _inverse(lower: mx.array) -> mx.array:
    """``(I + A)⁻¹`` for a strictly lower triangular ``A`` ``[..., C, C]``, row by row.

    The gradient is that of a Newton step from there, which changes nothing else: the rows' own way
    need not be kept for it.
    """
    one = mx.eye(CHUNK)
    held = mx.stop_gradient(lower)
    rows = mx.broadcast_to(one[:1], (*lower.shape[:-2], 1, CHUNK))
    for i in range(1, CHUNK):
        row = one[i] - held[..., i : i + 1, :i] @ rows
        rows = mx.concatenate([rows, row], axis=-2)
    rows = mx.stop_gradient(rows)
    return rows @ (2 * one - (one + lower) @ rows)


def _wkv7(
    r: mx.array, w: mx.array, k: mx.array, v: mx.array, a: mx.array, b: mx.array, state: mx.array
) -> tuple[mx.array, mx.array]:
    """What RWKV 7 does without a kernel."""
    step = sys.modules["mlx_lm.models.rwkv7"]._wkv7_step_ops
    found = []
    for t in range(r.shape[1]):
        y, state = step(r[:, t], w[:, t], k[:, t], v[:, t], a[:, t], b[:, t], state)
        found.append(y)
    return mx.stack(found, axis=1).astype(r.dtype), state
