"""Whether a model's configuration can describe a model at all.

mlx-lm's classes take any value of any type and fail wherever it is first used, or build for hours.
The settings that size a model, by the names that its architectures use, are checked here; so is
what decides where an answer ends.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shadow_mlx.files.json_files import kind_of

_LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_AT_LEAST_ONE = (
    "hidden_size", "n_embd", "d_model", "model_dim", "vocab_size", "n_vocab",
    "num_attention_heads", "n_head", "n_heads", "num_heads",
)  # fmt: skip
_SIZES = (
    "intermediate_size", "n_inner", "ffn_hidden_size", "moe_intermediate_size", "head_dim",
    "num_key_value_heads", "n_kv_heads", "num_kv_heads", "num_experts_per_tok", "sliding_window",
    "type_vocab_size", "block_size", "q_lora_rank", "kv_lora_rank",
)  # fmt: skip
_MOST_LAYERS = 400  # three times what any model in use has; every one takes time to build
_MOST_EXPERTS = 10_000
_LARGEST_SIZE = 2**24
_EPSILONS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon")
_MODEL_TYPE = re.compile(r"\w[\w.-]{0,99}")
_PARTS = ("text_config", "shadow_model_config")


def config_problems(config: Mapping[str, Any]) -> list[str]:
    """What no model can have, one line for each setting: name, expected, found."""
    problems = []
    for where, part in _parts(config):
        for name, value in part.items():
            expected = _expected(name, value)
            if expected:
                problems.append(f"{where}{name}: expected {expected}, found {kind_of(value)}")
    return problems + _end_problems(config)


def end_problems(config: Mapping[str, Any], vocabulary: int | None) -> list[str]:
    """What is wrong with ``eos_token_id``, by which a model's answers end.

    Args:
        config: A ``config.json`` or ``generation_config.json``.
        vocabulary: Number of tokens of the model; ``None`` where it is not known.
    """
    value = config.get("eos_token_id")
    if value is None:
        return []
    ids = value if isinstance(value, list) else [value]
    if not all(_is_whole(one) and one >= 0 for one in ids):
        wanted = "the number of a token, or a list of them"
        return [f"eos_token_id: expected {wanted}, found {_listed(value)}"]
    if ids and vocabulary is not None and min(ids) >= vocabulary:
        wanted = f"the number of one of the {vocabulary:,} tokens"
        return [f"eos_token_id: expected {wanted}, found {_listed(value)}: no answer would end"]
    return []


def vocabulary_of(config: Mapping[str, Any]) -> int | None:
    """Number of tokens that a configuration names, or ``None``."""
    for _, part in _parts(config):
        if _is_whole(part.get("vocab_size")):
            return int(part["vocab_size"])
    return None


def _end_problems(config: Mapping[str, Any]) -> list[str]:
    return end_problems(config, vocabulary_of(config))


def _parts(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "", config
    for name in _PARTS:
        if isinstance(config.get(name), dict):
            yield f"{name}.", config[name]


def _expected(name: str, value: Any) -> str | None:
    """What a setting should have been; ``None`` where it may be what it is."""
    if name in _PARTS:
        return None if value is None or isinstance(value, dict) else "an object"
    if name == "model_type":
        fits = isinstance(value, str) and _MODEL_TYPE.fullmatch(value)
        return None if fits else "the name of an architecture"
    if value is None:
        return None
    if name in _LAYERS:
        return _whole(value, 1, _MOST_LAYERS)
    if name in _EXPERTS:
        return _whole(value, 0, _MOST_EXPERTS)
    if name in _AT_LEAST_ONE:
        return _whole(value, 1, _LARGEST_SIZE)
    if name in _SIZES:
        return _whole(value, 0, _LARGEST_SIZE)
    if name in _EPSILONS:
        return None if _is_number(value) and 0 <= value < 1 else "a number from 0 to 1"
    if name == "rope_theta":
        bases = value if isinstance(value, list) and value else [value]  # one for each layer
        right = all(_is_number(base) and 0 < base < 1e30 for base in bases)
        return None if right else "a number above 0, or one for each layer"
    if name == "architectures":
        texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return None if texts or isinstance(value, str) else "a list of names"
    if name in ("quantization", "quantization_config"):
        return _quantization(value)
    return None


def _quantization(value: Any) -> str | None:
    if value is False:
        return None
    if not isinstance(value, dict):
        return "an object"
    for name, most in (("group_size", 2**16), ("bits", 32)):
        # -1 in records of other programs: one group for the whole row
        if (size := value.get(name)) is not None and _whole(size, -1, most):
            return f"{name} to be a whole number up to {most:,}"
    return None


def _whole(value: Any, least: int, most: int) -> str | None:
    """A number, or one for each layer."""
    values = value if isinstance(value, list) else [value]
    if all(_is_whole(one) and least <= one <= most for one in values if one is not None):
        return None
    return f"a whole number from {least} to {most:,}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 10**300 and math.isfinite(value)


def _listed(value: Any) -> str:
    if isinstance(value, list) and 0 < len(value) <= 8:
        return f"[{', '.join(map(kind_of, value))}]"
    return kind_of(value)
