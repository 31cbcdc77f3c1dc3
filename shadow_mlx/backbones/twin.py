"""A second module tree over the same arrays: what is put on one leaves the other as it came.

Shadows wrap a backbone's blocks in place, and mlx-lm's adapters replace its layers in place; none
of them can be taken off again. A twin costs no array, so that any number of them stand on one
backbone in memory, each by itself.
"""

from __future__ import annotations

from typing import Any

import mlx.nn as nn

from shadow_mlx.backbones.decoder import shallow_copy


def twin(model: nn.Module) -> nn.Module:
    """A copy of every module in ``model``, and of no array.

    A module that stands in two places stands in two places of the copy.
    """
    copied: dict[int, nn.Module] = {}

    def copy(value: Any) -> Any:
        if isinstance(value, nn.Module):
            if id(value) not in copied:
                copied[id(value)] = clone = shallow_copy(value)
                clone._no_grad = set(value._no_grad)  # what is frozen here stays free there
                for name, child in value.items():
                    dict.__setitem__(clone, name, copy(child))
            return copied[id(value)]
        if isinstance(value, dict):
            return {name: copy(one) for name, one in value.items()}
        if type(value) in (list, tuple):
            return type(value)(map(copy, value))
        return value

    made: nn.Module = copy(model)
    return made
