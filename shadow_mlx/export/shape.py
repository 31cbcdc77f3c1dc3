"""The ``config.json`` of a detached model: the shadow's, cut to the blocks that compute."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

from shadow_mlx.backbones.keys import family_of
from shadow_mlx.shadow.explicit import COMPUTING

_DEPTH = (
    "num_hidden_layers",
    "num_layers",
    "n_layer",
    "n_layers",
    "num_transformer_layers",
)
_TIED = ("tie_word_embeddings", "share_input_output_layers", "weight_tying")
_OF_NO_LAYER = ("_token_id", "_ids", "architectures")  # lists that may be as long by chance
_NOT_OURS = (
    "quantization",
    "quantization_config",
    "transformers_version",
    "_name_or_path",
    "auto_map",
    COMPUTING,
)


def shape_config(
    network: Mapping[str, Any],
    *,
    declared: Mapping[str, Any],
    depth: int,
    blocks: int,
    own_head: bool,
    vocabulary: int,
) -> dict[str, Any]:
    """mlx-lm's and transformers' configuration of a model of the network's kind.

    Args:
        network: The configuration that the shadow's network was built from.
        declared: The settings that its architecture declares, with their values.
        depth: Blocks that ``network`` describes.
        blocks: Blocks that there will be; what is said of each block is said of so many.
        own_head: Whether the head is a matrix of its own, whatever the network's was.
        vocabulary: Rows of the table.
    """
    config = copy.deepcopy(dict(network))
    for name in _NOT_OURS:
        config.pop(name, None)
    part = config.get("text_config", config)
    names = [name for name in _DEPTH if name in part or name in declared]
    part |= dict.fromkeys(names, blocks)
    if shared := part.get("num_kv_shared_layers", declared.get("num_kv_shared_layers")):
        part["num_kv_shared_layers"] = max(0, blocks - (depth - shared))  # the last ones share
    if "scale_depth" in part:  # MiniCPM divides it by the root of the number of blocks
        part["scale_depth"] *= math.sqrt(blocks / depth)
    for name, value in part.items():
        listed = isinstance(value, list) or (isinstance(value, str) and "pattern" in name)
        if listed and len(value) == depth > 1 and not name.endswith(_OF_NO_LAYER):
            part[name] = value[:blocks]
    for one in (config, part):
        if "vocab_size" in one:
            one["vocab_size"] = vocabulary
    family = family_of(str(config.get("model_type")))
    if family is not None and family.mlp_follows_width:
        part["intermediate_size"] = 4 * int(part["hidden_size"])  # what mlx-lm takes there
    if own_head:
        tied = [name for name in _TIED if name in declared or name in part]
        part |= dict.fromkeys(tied, False)
        if "tie_word_embeddings" in config:  # transformers reads it at the top of a wrapped one
            config["tie_word_embeddings"] = False
    return config
