"""A model that knows only the tokens that some data needs: its embeddings and head are cut.

Shapes: ``V`` tokens, ``K`` of them kept, ``D`` the model's width. The logits of the tokens that are
kept are those of the whole model.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
from mlx.utils import tree_unflatten

from shadow_mlx.backbones.decoder import find_decoder, shallow_copy
from shadow_mlx.config import ColumnConfig, DataConfig, TemplateConfig
from shadow_mlx.config.values import LARGEST_COUNT
from shadow_mlx.data.reading.splits import resolve
from shadow_mlx.data.tokens import Encoder, encode_all
from shadow_mlx.export.standalone import Standalone, behind_blocks
from shadow_mlx.export.tokenizer_files import Kept, renumbered


def tokens_of(
    data: str, tokenizer: Any, columns: ColumnConfig, template: TemplateConfig
) -> list[int]:
    """The tokens that occur in data as a model is given it, prompts and answers.

    Raises:
        DataError: Nothing is there, a line is no record, or the template refuses one.
    """
    splits = resolve(data, valid_fraction=0.0, columns=columns)
    options = DataConfig(max_seq_length=LARGEST_COUNT, **template.to_mapping())
    encoder = Encoder(tokenizer, options)
    used: set[int] = set()
    for records in (splits.train, splits.valid, splits.test):
        if records is not None:
            for example in encode_all(records, encoder):
                used.update(np.unique(example.tokens).tolist())
    return sorted(used)


def cut_model(found: Standalone, kept: Kept) -> None:
    """Leave the rows of the tokens that are kept, in place; and their numbers in the settings."""
    decoder = find_decoder(found.model)
    rows = decoder.embedding.weight.shape[0]
    chosen = mx.array(list(kept), dtype=mx.int32)
    heads = [
        (name, _cut(module, chosen))
        for name, module in behind_blocks(found.model, decoder)
        if "weight" in module and module.weight.shape[0] == rows
    ]
    decoder.replace_embedding(_cut(decoder.embedding, chosen))
    found.model.update_modules(tree_unflatten(heads))
    settings = renumbered(found.config, kept)
    for part in (settings, settings.get("text_config", settings)):
        if "vocab_size" in part:
            part["vocab_size"] = len(kept)
    found.config.clear()
    found.config.update(settings)


def _cut(module: nn.Module, rows: mx.array) -> nn.Module:
    """A module with some rows of another's arrays; that one stays as it is."""
    clone = shallow_copy(module)
    for name in ("weight", "scales", "biases", "bias"):
        if isinstance(clone.get(name), mx.array):
            clone[name] = clone[name][rows]
    return clone
