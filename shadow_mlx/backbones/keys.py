"""Names and layouts of a decoder's tensors: mlx-lm's on one side, transformers' on the other.

PEFT saves the shadow backbone under the names that its modules have inside transformers 5, which
are those of mlx-lm for most dense architectures. Where they differ, a family's rules say how, in
both directions. A family is listed only after its names and shapes were compared with those that
PEFT saves (``tests/golden/families.json``); an adapter of any other family is written under
mlx-lm's names, and says so, rather than under guessed ones.

Shapes: ``E`` experts, ``I`` expert width, ``H`` hidden size, ``C`` channels, ``K`` kernel width.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import mlx.core as mx

Tensors = Mapping[str, mx.array]


class Rule(Protocol):
    """One difference between the two sides."""

    def outward(self, tensors: Tensors) -> dict[str, mx.array]:
        """From mlx-lm's tensors to transformers'."""
        ...

    def inward(self, tensors: Tensors) -> dict[str, mx.array]:
        """From transformers' tensors to mlx-lm's."""
        ...


@dataclass(frozen=True)
class Rename:
    """A part of the name that differs; behind ``^`` it is the beginning."""

    ours: str
    theirs: str

    def outward(self, tensors: Tensors) -> dict[str, mx.array]:
        """``ours`` becomes ``theirs``."""
        return _renamed(tensors, self.ours, self.theirs)

    def inward(self, tensors: Tensors) -> dict[str, mx.array]:
        """``theirs`` becomes ``ours``."""
        return _renamed(tensors, self.theirs, self.ours)


def _renamed(tensors: Tensors, old: str, new: str) -> dict[str, mx.array]:
    at = re.compile(re.escape(old).replace(r"\^", "^"))
    return {at.sub(new.removeprefix("^"), name): value for name, value in tensors.items()}


@dataclass(frozen=True)
class Change:
    """Tensors whose values or axes differ.

    Attributes:
        pattern: Of their names.
        there: What makes transformers' tensor of mlx-lm's.
        back: What undoes it.
    """

    pattern: str
    there: Callable[[mx.array], mx.array]
    back: Callable[[mx.array], mx.array]

    def outward(self, tensors: Tensors) -> dict[str, mx.array]:
        """Change those that the pattern finds."""
        return {k: self.there(v) if re.search(self.pattern, k) else v for k, v in tensors.items()}

    def inward(self, tensors: Tensors) -> dict[str, mx.array]:
        """Change them back."""
        return {k: self.back(v) if re.search(self.pattern, k) else v for k, v in tensors.items()}


def _swap(value: mx.array) -> mx.array:
    """The last two axes the other way round: GPT-2's ``Conv1D``, convolutions."""
    return value.swapaxes(-1, -2)


@dataclass(frozen=True)
class JoinedExperts:
    """``switch_mlp.{gate,up,down}_proj.weight`` against ``experts.{gate_up_proj,down_proj}``.

    Gate ``[E, I, H]`` and up ``[E, I, H]`` stand one below the other in ``gate_up_proj``
    ``[E, 2I, H]``.
    """

    def outward(self, tensors: Tensors) -> dict[str, mx.array]:
        """Join gate and up."""
        found = dict(tensors)
        for name in [name for name in tensors if name.endswith("switch_mlp.gate_proj.weight")]:
            stem = name.removesuffix("switch_mlp.gate_proj.weight")
            parts = [found.pop(f"{stem}switch_mlp.{part}_proj.weight") for part in ("gate", "up")]
            found[f"{stem}experts.gate_up_proj"] = mx.concatenate(parts, axis=1)
            found[f"{stem}experts.down_proj"] = found.pop(f"{stem}switch_mlp.down_proj.weight")
        return found

    def inward(self, tensors: Tensors) -> dict[str, mx.array]:
        """Part gate and up."""
        found = dict(tensors)
        for name in [name for name in tensors if name.endswith("experts.gate_up_proj")]:
            stem = name.removesuffix("experts.gate_up_proj")
            gate, up = mx.split(found.pop(name), 2, axis=1)
            found[f"{stem}switch_mlp.gate_proj.weight"] = gate
            found[f"{stem}switch_mlp.up_proj.weight"] = up
        for name in [name for name in tensors if name.endswith("experts.down_proj")]:
            stem = name.removesuffix("experts.down_proj")
            found[f"{stem}switch_mlp.down_proj.weight"] = found.pop(name)
        return found


@dataclass(frozen=True)
class InterleavedExperts:
    """gpt-oss: ``[E, H, 2I]`` with gate and up in turns, ``[in, out]``, and biases."""

    def outward(self, tensors: Tensors) -> dict[str, mx.array]:
        """Interleave gate and up."""
        found = dict(tensors)
        for name in [name for name in tensors if name.endswith("experts.gate_proj.weight")]:
            stem = name.removesuffix("gate_proj.weight")
            for ours, theirs in (("weight", ""), ("bias", "_bias")):
                parts = [found.pop(f"{stem}{part}_proj.{ours}") for part in ("gate", "up")]
                experts, width = parts[0].shape[:2]
                turns = mx.stack(parts, axis=2).reshape(experts, 2 * width, *parts[0].shape[2:])
                down = found.pop(f"{stem}down_proj.{ours}")
                matrix = ours == "weight"
                found[f"{stem}gate_up_proj{theirs}"] = turns.swapaxes(1, 2) if matrix else turns
                found[f"{stem}down_proj{theirs}"] = down.swapaxes(1, 2) if matrix else down
        return found

    def inward(self, tensors: Tensors) -> dict[str, mx.array]:
        """Take gate and up out of their turns."""
        found = dict(tensors)
        for name in tensors:
            if not re.search(r"\.experts\.(gate_up|down)_proj(_bias)?$", name):
                continue
            stem, part = name.rsplit(".", 1)
            kind = "bias" if part.endswith("_bias") else "weight"
            value = found.pop(name)
            value = value.swapaxes(1, 2) if kind == "weight" else value
            if part.startswith("gate_up_proj"):
                found[f"{stem}.gate_proj.{kind}"] = value[:, ::2]
                found[f"{stem}.up_proj.{kind}"] = value[:, 1::2]
            else:
                found[f"{stem}.down_proj.{kind}"] = value
        return found


@dataclass(frozen=True)
class Family:
    """How transformers sees one architecture.

    Attributes:
        blocks: Path of the decoder blocks in its causal language model.
        rules: What differs in the decoder, applied in this order outward.
        fills_head_dim: Whether its configuration fixes ``head_dim`` when it is made, so that a
            mirror of another width keeps the backbone's.
        mlp_follows_width: Whether mlx-lm derives the MLP's width from the hidden size, where a
            mirror in transformers keeps the backbone's.
    """

    blocks: str = "model.layers"
    rules: tuple[Rule, ...] = ()
    fills_head_dim: bool = False
    mlp_follows_width: bool = False

    def outward(self, tensors: Tensors) -> dict[str, mx.array]:
        """mlx-lm's tensors of a decoder (names without a prefix) as transformers has them."""
        found = dict(tensors)
        for rule in self.rules:
            found = rule.outward(found)
        return found

    def inward(self, tensors: Tensors) -> dict[str, mx.array]:
        """The inverse of :meth:`outward`."""
        found = dict(tensors)
        for rule in reversed(self.rules):
            found = rule.inward(found)
        return found


_CONVOLUTION = Change(r"\.(conv\.conv|conv1d)\.weight$", _swap, _swap)
_CENTERED_NORMS = Change(  # around zero there, around one here
    r"(input_layernorm|post_attention_layernorm|q_norm|k_norm|^norm)\.weight$",
    lambda value: value - 1,
    lambda value: value + 1,
)
_PLAIN = (
    "ernie4_5 exaone4 gemma gemma2 gemma3_text glm glm4 granite helium hunyuan_v1_dense "
    "ministral3 cohere olmo2 olmo3 phi phi3 qwen2 qwen3 seed_oss smollm3 stablelm starcoder2"
)

FAMILIES: dict[str, Family] = {
    **{name: Family() for name in _PLAIN.split()},
    **{name: Family(fills_head_dim=True) for name in ("llama", "mistral", "cohere2", "nemotron")},
    **{name: Family(rules=(JoinedExperts(),)) for name in ("qwen2_moe", "qwen3_moe", "olmoe")},
    "gpt2": Family("transformer.h", (Change(r"\.(c_attn|c_proj|c_fc)\.weight$", _swap, _swap),)),
    "gpt_bigcode": Family("transformer.h"),
    "gptj": Family("transformer.h"),
    "gpt_neox": Family("gpt_neox.layers", (Rename("^h.", "^layers."),), mlp_follows_width=True),
    "mixtral": Family(rules=(JoinedExperts(), Rename(".block_sparse_moe.", ".mlp."))),
    "granitemoe": Family(rules=(JoinedExperts(), Rename(".router.layer.", ".router."))),
    "gpt_oss": Family(rules=(InterleavedExperts(),)),
    "lfm2": Family(rules=(_CONVOLUTION,)),
    "apertus": Family(  # transformers keeps these numbers in vectors of one element
        rules=(Change(r"\.act_fn\.alpha_[pn]$", lambda v: v.reshape(1), lambda v: v.squeeze()),)
    ),
    "qwen3_next": Family(rules=(JoinedExperts(), _CONVOLUTION, _CENTERED_NORMS)),
    "qwen3_5": Family(rules=(_CONVOLUTION, _CENTERED_NORMS)),
}


def family_of(model_type: str) -> Family | None:
    """The family of a ``model_type``, or ``None`` where its names were never compared."""
    return FAMILIES.get(model_type)
