"""A module that is used at a second place of an MLX tree, without standing there."""

from __future__ import annotations

from typing import Generic, TypeVar

import mlx.nn as nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class Reference(Generic[ModuleT]):
    """Points at a module that is registered elsewhere in the tree.

    A module that stands at two paths of an MLX tree is two sets of parameters: each path gets its
    own gradient, its own update and its own count. A plain object hides the second path.
    """

    def __init__(self, module: ModuleT) -> None:
        self.module = module
